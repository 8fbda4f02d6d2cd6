/** Random ids from the platform's generator, in the alphabet that paths, keys and SQL take without quoting. */
import type { RandomId } from '@tenax/kernel'
import { customAlphabet } from 'nanoid'

/** 20 characters of `a`–`z` and `0`–`9`: 103 random bits. */
export const systemRandomId: RandomId = customAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', 20)
