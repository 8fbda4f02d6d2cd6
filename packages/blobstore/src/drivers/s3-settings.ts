/** What names a place in S3, parsed before anything is built from it. */
import { TenaxError } from '@tenax/kernel'
import { isKey } from '../core/key.ts'
import { S3_PREFIX_BYTES_MAX } from '../limits.ts'

/** Where blobs are, and with whose keys. */
export interface S3Settings {
  /** As `https://s3.eu-central-1.amazonaws.com` or `http://127.0.0.1:7480`: no path, no keys. */
  readonly endpoint: string
  /** As `eu-central-1`. A server that has no regions takes any. */
  readonly region: string
  readonly bucket: string
  /** The blobs' keys stand behind this one and a `/`. Default: none, the whole bucket. */
  readonly prefix?: string
  /** Whether the bucket stands in the path, which every server knows, or in the host's name. Default: true. */
  readonly pathStyle?: boolean
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** @throws TenaxError `config_invalid`, whose `setting` names the first that is wrong */
export function checkS3Settings(settings: S3Settings): void {
  const { region, bucket, prefix = '', accessKeyId, secretAccessKey } = settings
  if (!isEndpoint(settings.endpoint)) throw invalid('endpoint', 'write http:// or https://, a host and perhaps a port')
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(region)) throw invalid('region', 'write it as in "eu-central-1"')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw invalid('bucket', 'write the name of a bucket only')
  if (prefix !== '' && !(isKey(prefix) && prefix.length <= S3_PREFIX_BYTES_MAX)) {
    throw invalid('prefix', 'use parts of a-z, 0-9, "-", "_" and ".", joined by "/"; none at its end')
  }
  if (!isWord(accessKeyId)) throw invalid('accessKeyId', 'name the key that may use the bucket')
  if (!isWord(secretAccessKey)) throw invalid('secretAccessKey', 'give the secret of the key')
}

function isEndpoint(endpoint: string): boolean {
  const url = URL.parse(endpoint)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false
  return url.pathname === '/' && !/[?#@]/.test(endpoint)
}

function isWord(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text)
}

function invalid(setting: string, hint: string): TenaxError {
  return new TenaxError('config_invalid', `the setting ${setting} of S3 is not usable`, { hint, details: { setting } })
}
