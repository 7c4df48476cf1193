/** A request that is answered with an error object. */
export class TsdError extends Error {
  readonly status: number;
  readonly details: string | undefined;
  constructor(status: number, message: string, details?: string) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** The one error that never has a trace. */
export const ENDPOINT_NOT_FOUND = 'Endpoint not found';

/** `{"error":{"code":…,"message":…}}` as the server writes it; the trace is short here, and long on a real one. */
export function errorBody(error: TsdError, trace: boolean): string {
  const { status: code, message, details } = error;
  return JSON.stringify({
    error: {
      code,
      message,
      ...(details === undefined ? {} : { details }),
      ...(trace && message !== ENDPOINT_NOT_FOUND
        ? { trace: `net.opentsdb.tsd.BadRequestException: ${message}\n\tat net.opentsdb.tsd.StandIn(StandIn.java:1)\n` }
        : {}),
    },
  });
}
