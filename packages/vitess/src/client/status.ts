/** gRPC's status codes, by the names that Go programs print them with. */
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';

const GO_NAMES: Readonly<Record<number, string>> = {
  [status.OK]: 'OK',
  [status.CANCELLED]: 'Canceled',
  [status.UNKNOWN]: 'Unknown',
  [status.INVALID_ARGUMENT]: 'InvalidArgument',
  [status.DEADLINE_EXCEEDED]: 'DeadlineExceeded',
  [status.NOT_FOUND]: 'NotFound',
  [status.ALREADY_EXISTS]: 'AlreadyExists',
  [status.PERMISSION_DENIED]: 'PermissionDenied',
  [status.RESOURCE_EXHAUSTED]: 'ResourceExhausted',
  [status.FAILED_PRECONDITION]: 'FailedPrecondition',
  [status.ABORTED]: 'Aborted',
  [status.OUT_OF_RANGE]: 'OutOfRange',
  [status.UNIMPLEMENTED]: 'Unimplemented',
  [status.INTERNAL]: 'Internal',
  [status.UNAVAILABLE]: 'Unavailable',
  [status.DATA_LOSS]: 'DataLoss',
  [status.UNAUTHENTICATED]: 'Unauthenticated',
};

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** As a Go program prints the error of a call: `rpc error: code = Unknown desc = …`. */
export function goStatus({ code, details }: Pick<ServiceError, 'code' | 'details'>): string {
  return `rpc error: code = ${GO_NAMES[code] ?? `Code(${code})`} desc = ${details}`;
}

/** Whether the server can have done what it was asked for although the call failed so: it never answered. */
export function isUnanswered({ code }: Pick<ServiceError, 'code'>): boolean {
  return code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE || code === status.CANCELLED || code === status.INTERNAL;
}
