/** OpenIO's own codes, and the HTTP status a proxy makes of each. */

export class OioError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const FORBIDDEN = new Set([403, 440, 441, 455]);
const NOT_FOUND = new Set([404, 406, 418, 420, 431, 453, 454]);
const CONFLICT = new Set([421, 424, 433]);
const UNAVAILABLE = new Set([305, 436, 481, 503, 504, 509, 511]);

export function httpStatusOf(code: number): number {
  if (code <= 10 || UNAVAILABLE.has(code)) return 503;
  if (code === 400 || code === 480) return 400;
  if (FORBIDDEN.has(code)) return 403;
  if (NOT_FOUND.has(code)) return 404;
  return CONFLICT.has(code) ? 409 : 500;
}

export const refusedConnection = (id: string): OioError => new OioError(2, `${id}: [errno=111] Connection refused`);
export const noService = (): OioError => new OioError(431, 'No service located');
