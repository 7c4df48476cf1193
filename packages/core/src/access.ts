/** Who may ask for what: roles, tokens as they are stored, and the record of what was asked. */

/** Each may do what those before it may. A viewer looks; an operator works; an approver agrees, too; an admin rules the fleet. */
export const ACCESS_ROLES = ['viewer', 'operator', 'approver', 'admin'] as const;
export type AccessRole = (typeof ACCESS_ROLES)[number];

/** Whether `role` includes `least`. */
export function mayAs(role: AccessRole, least: AccessRole): boolean {
  return ACCESS_ROLES.indexOf(role) >= ACCESS_ROLES.indexOf(least);
}

/** A token without its secret. Its name is the name of whoever uses it. */
export interface TokenRecord {
  name: string;
  role: AccessRole;
  /** SHA-256 of the whole token, in hexadecimal. */
  hash: string;
  createdAt: number;
  createdBy: string;
  /** Absent: until it is revoked. Milliseconds since the epoch. */
  expiresAt?: number;
}

/** One change somebody asked for, or the fleet made by itself. */
export interface AuditEntry {
  /** Place in the log: `milliseconds-number`; only grows. */
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** The name of a token or of a person; `longshore` for what the fleet did by itself. */
  who: string;
  /** Absent for what the fleet did by itself. */
  role?: AccessRole;
  requestId?: string;
  /** Such as `operation.cancel`. */
  what: string;
  /** What it was done to, where that is no operation. */
  subject?: string;
  operation?: string;
  reason?: string;
  /** `done`; `refused` for what the role does not cover; `failed` for everything else that was not done. */
  result: 'done' | 'refused' | 'failed';
  /** The error's code, where it was not done. */
  code?: string;
}

/** Longest text kept of what somebody wrote. */
const AUDIT_TEXT = 500;

/** Text as the log keeps it: one line, whatever was sent; control characters and line ends are written out as `\u{a}`. */
export function auditText(text: string, most: number = AUDIT_TEXT): string {
  return text.slice(0, most).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
