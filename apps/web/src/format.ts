/** Numbers and times for people. Pure. */

/** Made once: asked for anew with every number, it costs more than all else that is done with it. */
const COUNTS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return COUNTS.format(Math.round(value));
}

/** `412 k`, `1.17 M`: three digits. */
export function short(value: number): string {
  const [size, unit] = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e4, ' k'],
  ].find(([each]) => Math.abs(value) >= Number(each)) ?? [1, ''];
  const scaled = value / (size === 1e4 ? 1e3 : Number(size));
  if (unit === '') return value >= 100 || Number.isInteger(value) ? count(value) : value.toFixed(1);
  return `${scaled >= 100 ? Math.round(scaled) : scaled.toPrecision(3)}${unit}`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  let scaled = value;
  while (scaled >= 1024 && at < units.length - 1) {
    scaled /= 1024;
    at += 1;
  }
  return `${at === 0 ? scaled : scaled.toPrecision(3)} ${units[at]}`;
}

/** `41 s`, `4 min 5 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return parts(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? parts(hours, 'h', minutes % 60, 'min') : parts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** Nothing of a smaller unit is not said. */
function parts(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`;
}

/** One part only: `4 min`, for lists. */
export function roughly(ms: number): string {
  return duration(ms).split(' ').slice(0, 2).join(' ');
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

export interface Times {
  local: string;
  utc: string;
  /** Both with their dates, for a title. */
  full: string;
  /** The clocks are the same. */
  same: boolean;
}

/** The time of day here and in UTC; with the date when it is not today's. */
export function times(at: number, now: number = Date.now()): Times {
  const date = new Date(at);
  const here = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const iso = date.toISOString();
  const today = new Date(now).toDateString() === date.toDateString();
  const utcToday = new Date(now).toISOString().slice(0, 10) === iso.slice(0, 10);
  return {
    local: today ? here : `${day} ${here}`,
    utc: utcToday ? iso.slice(11, 19) : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`,
    full: `${day} ${here} here, ${iso.slice(0, 19).replace('T', ' ')} UTC`,
    same: date.getTimezoneOffset() === 0,
  };
}

/** A word begins large; a name (`t1:10921`, `customer:`, an address) stays as it is. */
export function capital(text: string): string {
  return /^[a-z]+(?![^\s,])/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The first letter large and one full stop at the end. */
export function sentence(text: string): string {
  const begun = capital(text);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
