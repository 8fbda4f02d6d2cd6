/** The SDK's client, with nothing left to the environment. */
import type { S3Client } from '@aws-sdk/client-s3'
import { S3_CALLS_MAX, S3_CONNECT_MS_MAX, S3_IDLE_MS, S3_SILENT_MS_MAX } from '../limits.ts'
import type { S3Settings } from './s3-settings.ts'

/** The SDK, loaded when a store in S3 is opened: it takes 60 ms and 20 MiB. */
export type S3Sdk = typeof import('@aws-sdk/client-s3')

/**
 * A client for `settings`. It makes each request once, since a request that it repeated by itself would hide whether an earlier
 * one was done. Each option that the SDK would otherwise look up in variables, files or the network is given.
 */
export function makeS3Client({ S3Client }: S3Sdk, settings: S3Settings): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, pathStyle = true } = settings
  const agent = { keepAlive: true, maxSockets: S3_CALLS_MAX, timeout: S3_IDLE_MS }
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: pathStyle,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    retryMode: 'standard',
    defaultsMode: 'standard',
    // The signature covers the bytes of a write; more checksums than that are more than some servers know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Without this the SDK opens a connection of its own for each blob of 2 MiB or more, as many as there are.
    expectContinueHeader: false,
    authSchemePreference: ['sigv4'],
    disableS3ExpressSessionAuth: true,
    sigv4aSigningRegionSet: [region],
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    userAgentAppId: 'tenax',
    requestHandler: {
      httpAgent: agent,
      httpsAgent: agent,
      connectionTimeout: S3_CONNECT_MS_MAX,
      socketTimeout: S3_SILENT_MS_MAX,
    },
  })
}
