export type { AddressRule } from './address.ts';
export { checkedLookup, refusedAddress, refusedHost } from './address.ts';
export type { Query } from './base.ts';
export { encodePart } from './base.ts';
export type { HttpClient, HttpOptions, HttpReply, HttpRequest } from './client.ts';
export { openHttp } from './client.ts';
export { AddressRefused, BadBase, Broken, effectOf, TimedOut, TooLarge, Unreachable } from './errors.ts';
export type { RetryOptions } from './retry.ts';
export { MAX_RETRY_AFTER_MS, parseRetryAfter, pauseBefore, retry } from './retry.ts';
