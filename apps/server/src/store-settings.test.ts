import { expect, test } from 'vitest'
import { readSettings } from './settings.ts'

const KEYS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' }
const storeOf = async (store: string, env: Record<string, string> = {}) =>
  (await readSettings({ store }, undefined, env)).store

test('a path is a directory, and s3:// a bucket with its prefix, key and endpoint', async () => {
  expect(await storeOf('/mnt/blobs')).toEqual({ directory: '/mnt/blobs' })
  expect(await storeOf('s3://bucket', KEYS)).toEqual({
    s3: {
      endpoint: 'https://s3.us-east-1.amazonaws.com',
      ...{ region: 'us-east-1', bucket: 'bucket', accessKeyId: 'key', secretAccessKey: 'secret' },
    },
  })
  const env = { ...KEYS, TENAX_S3_ENDPOINT: 'http://127.0.0.1:7480', TENAX_S3_REGION: 'eu-central-1' }
  expect(await storeOf('s3://bucket/a/b/', env)).toMatchObject({
    s3: { endpoint: 'http://127.0.0.1:7480', region: 'eu-central-1', bucket: 'bucket', prefix: 'a/b' },
  })
})

test('another scheme, and a bucket without a key, are config_invalid', async () => {
  await expect(storeOf('gs://bucket', KEYS)).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(storeOf('s3://bucket')).rejects.toMatchObject({ code: 'config_invalid' })
})

test('seconds of idleness become milliseconds', async () => {
  const settings = await readSettings({ archiveAfter: 60 }, undefined, { TENAX_STORE: '/mnt/blobs' })
  expect(settings).toMatchObject({ archiveAfterMs: 60_000, store: { directory: '/mnt/blobs' } })
})
