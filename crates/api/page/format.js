// Figures as people read them: three digits that count, and a unit. What is not known is a dash.

export const NONE = '–';
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

function digits(value) {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return String(Number(value.toFixed(size >= 10 ? 1 : 2)));
}

function scaled(value, base, units) {
  if (!known(value)) return NONE;
  let at = 0;
  while (Math.abs(value) >= base * 0.9995 && at < units.length - 1) {
    value /= base;
    at += 1;
  }
  return `${digits(value)}${units[at]}`;
}

export const count = (value) => scaled(value, 1000, ['', ' k', ' M', ' G', ' T']);
export const bytes = (value) => scaled(value, 1024, [' B', ' kB', ' MB', ' GB', ' TB', ' PB']);
export const percent = (value) => {
  if (!known(value)) return NONE;
  // 99.97 % is not all.
  const shown = value < 100 && value > 99 ? Math.floor(value * 100) / 100 : Number(value.toFixed(value < 10 ? 1 : 0));
  return `${shown} %`;
};
export const rate = (value) => known(value) ? `${count(value)}/s` : NONE;

export function ms(value) {
  if (!known(value)) return NONE;
  return value < 1000 ? `${digits(value)} ms` : seconds(value / 1000);
}

/** Two units at most. */
export function seconds(value) {
  if (!known(value)) return NONE;
  if (value < 60) return `${digits(value < 10 ? value : Math.round(value))} s`;
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const at = parts.findIndex(([size]) => value >= size);
  const [size, unit] = parts[at];
  const whole = Math.floor(value / size);
  const [less, lesser] = parts[at + 1];
  const rest = Math.floor((value - whole * size) / less);
  return rest && whole < 10 ? `${whole} ${unit} ${rest} ${lesser}` : `${whole} ${unit}`;
}

export const ago = (value) => known(value) ? `${seconds(Math.round(value))} ago` : 'never';

const two = (number) => String(number).padStart(2, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A moment (seconds since 1970), in this browser's time. */
export function clock(at, precise) {
  const date = new Date(at * 1000);
  return `${two(date.getHours())}:${two(date.getMinutes())}${precise ? `:${two(date.getSeconds())}` : ''}`;
}
export const day = (at) => {
  const date = new Date(at * 1000);
  return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
};
export const moment = (at) => `${day(at)} ${clock(at)}`;
