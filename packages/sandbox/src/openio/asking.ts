/** The body of a request, as a proxy reads it. */
import { OioError } from './codes.ts';
import type { Ask } from './proxy.ts';

export function jsonBody({ body }: Ask): { [key: string]: unknown } {
  if (body.length === 0) return {};
  try {
    const value = JSON.parse(body.toString()) as unknown;
    return typeof value === 'object' && value !== null ? (value as { [key: string]: unknown }) : {};
  } catch {
    throw new OioError(400, 'Invalid JSON');
  }
}
