/** Turns whatever a handler throws into a status and `{error: {code, message, fix, retryable}}`. Unknown errors tell the client nothing. */
import type { ErrorData, ExitCode, Log } from '@longshore/core';
import { EXIT, errorData, LongshoreError } from '@longshore/core';
import { problemOf } from '@longshore/operations';
import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { RequestInvalid, RequestTooLarge } from './errors.ts';

export interface Answer {
  status: number;
  retryAfterMs?: number;
  body: { error: Pick<ErrorData, 'code' | 'message' | 'fix' | 'retryable' | 'exitCode'> };
}

/** Codes whose status does not follow from what they mean for a command. */
const STATUS: ReadonlyMap<string, number> = new Map([
  ['LSH_OPERATION_UNKNOWN', 404],
  ['LSH_ROUTE_UNKNOWN', 404],
  ['LSH_REQUEST_LARGE', 413],
  ['LSH_HOST_REFUSED', 403],
  ['LSH_CROSS_SITE', 403],
  ['LSH_SPOOL_FIXED', 403],
  ['LSH_TOKEN_MISSING', 401],
  ['LSH_TOKEN_REFUSED', 401],
  ['LSH_ROLE_LOW', 403],
  ['LSH_CALLER_UNKNOWN', 403],
  ['LSH_TOKEN_UNKNOWN', 404],
  ['LSH_RATE_LIMIT', 429],
  ['LSH_APPROVAL_OWN', 403],
]);

const STATUS_OF_EXIT: Record<ExitCode, number> = {
  [EXIT.done]: 500,
  [EXIT.failed]: 500,
  [EXIT.usage]: 400,
  [EXIT.incomplete]: 500,
  [EXIT.refused]: 409,
  [EXIT.unreachable]: 503,
  [EXIT.attention]: 409,
};

export function statusOf({ code, exitCode }: Pick<ErrorData, 'code' | 'exitCode'>): number {
  return STATUS.get(code) ?? STATUS_OF_EXIT[exitCode];
}

export function answerTo(thrown: unknown, log: Log, requestId: string, maxBytes: number): Answer {
  const error = known(thrown, maxBytes);
  const data = errorData(error);
  const status = statusOf(data);
  let { message } = data;
  if (!(error instanceof LongshoreError)) {
    log.error({ err: thrown, requestId }, 'a request failed unexpectedly');
    message = `an unexpected error in the API; its log has the cause under request ${requestId}`;
  }
  const { code, fix, retryable, exitCode } = data;
  const wait = data.retryAfterMs === undefined ? {} : { retryAfterMs: data.retryAfterMs };
  return { status, ...wait, body: { error: { code, message, fix, retryable, exitCode } } };
}

const NOT_JSON = 'its body must be JSON, with the header `content-type: application/json`';

function known(thrown: unknown, maxBytes: number): unknown {
  if (thrown instanceof LongshoreError || !(thrown instanceof Error)) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const where = (thrown as FastifyError).validationContext ?? 'request';
    const problems = thrown.validation.map(({ instancePath, message }) => {
      const path = instancePath.split('/').filter(Boolean);
      return problemOf({ path: path.length > 0 ? path : [where], message: message ?? 'is not right' });
    });
    return RequestInvalid({ problems }, { cause: thrown });
  }
  const { statusCode, code } = thrown as FastifyError;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return RequestTooLarge({ maxBytes }, { cause: thrown });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return RequestInvalid({ problems: [NOT_JSON] }, { cause: thrown });
  // What else Fastify itself refuses: a body that is not JSON.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return RequestInvalid({ problems: [`body: ${thrown.message}`] }, { cause: thrown });
  return thrown;
}
