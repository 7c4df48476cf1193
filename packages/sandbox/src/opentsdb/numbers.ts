/** Numbers as Java reads and prints them. */

const INTEGER = /^[+-]?\d+$/;
const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** A double as Java prints it: `3.0`, `1.0E10`, `4.2E-5`. (Java before 19 prints a digit too many in rare cases; that is not copied.) */
export function javaDouble(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  if (value === 0) return '0.0';
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/**
 * The text under which a query gives a put value back, or undefined when it is no number. A text with a point or an exponent is a float:
 * 64 bits where 32 do not do (2.4), always 32 before.
 */
export function storedText(value: string, floatsAre64Bit: boolean): string | undefined {
  if (INTEGER.test(value)) {
    const whole = BigInt(value.replace(/^\+/, ''));
    return whole < INT64_MIN || whole > INT64_MAX ? undefined : whole.toString();
  }
  if (!FLOAT.test(value)) return undefined;
  const number = Number(value);
  if (!Number.isFinite(number)) return undefined;
  return javaDouble(floatsAre64Bit ? number : Math.fround(number));
}

export function isIntegerText(text: string): boolean {
  return INTEGER.test(text);
}
