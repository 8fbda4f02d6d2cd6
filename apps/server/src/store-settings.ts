/** From the words of a command line or an environment to the object storage that a host uses. */
import { resolve } from 'node:path'
import { TenaxError } from '@tenax/kernel'
import type { StoreSettings } from 'tenax'

/** What the environment says of S3. The names of the key are those that other tools use. */
export interface S3Environment {
  readonly TENAX_S3_ENDPOINT?: string | undefined
  readonly TENAX_S3_REGION?: string | undefined
  readonly AWS_ACCESS_KEY_ID?: string | undefined
  readonly AWS_SECRET_ACCESS_KEY?: string | undefined
}

const S3 = 's3://'

/**
 * The storage at `place`: `s3://bucket` or `s3://bucket/prefix`, else a directory.
 *
 * @throws TenaxError `config_invalid` naming what is missing
 */
export function readStore(place: string, environment: S3Environment): StoreSettings {
  if (!place.startsWith(S3)) {
    if (/^[a-z][a-z0-9+.-]*:\/\//.test(place)) {
      throw new TenaxError('config_invalid', `the store is neither a directory nor ${S3}…`, {
        hint: `write a path, or ${S3}bucket/prefix`,
      })
    }
    return { directory: resolve(place) }
  }
  const [bucket = '', ...parts] = place.slice(S3.length).split('/')
  const prefix = parts.join('/').replace(/\/$/, '')
  const region = environment.TENAX_S3_REGION ?? 'us-east-1'
  return {
    s3: {
      endpoint: environment.TENAX_S3_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
      ...{ region, bucket },
      ...(prefix === '' ? {} : { prefix }),
      accessKeyId: required(environment, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: required(environment, 'AWS_SECRET_ACCESS_KEY'),
    },
  }
}

function required(environment: S3Environment, name: 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY'): string {
  const value = environment[name]
  if (value !== undefined) return value
  throw new TenaxError('config_invalid', `${name} is not set`, { hint: `a store at ${S3}… needs a key and its secret` })
}
