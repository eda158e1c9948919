// Bytes and durations as people read them, in the language of the page.
import { language, number } from "../../i18n.mjs";

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const SPANS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), SIZES.length - 1);
  const maximumFractionDigits = power > 1 ? 1 : 0;
  return number(count / 1000 ** power, { style: "unit", unit: SIZES[power], unitDisplay: "short", maximumFractionDigits });
}

// In its largest unit: 7300 seconds are 2 hours.
export function duration(seconds) {
  const [unit, length] = SPANS.find(([, length]) => seconds >= length) ?? SPANS.at(-1);
  return number(Math.floor(seconds / length), { style: "unit", unit, unitDisplay: "long" });
}

// How long ago a moment of the API was, or how long from now it is: "2 hours ago", "in 3 days".
export function since(text, now = Date.now()) {
  const seconds = (new Date(text) - now) / 1000;
  const [unit, length] = SPANS.find(([, length]) => Math.abs(seconds) >= length) ?? SPANS.at(-1);
  return new Intl.RelativeTimeFormat(language.get(), { numeric: "auto" }).format(Math.trunc(seconds / length), unit);
}

// Under a second in milliseconds.
export const took = (seconds) =>
  seconds < 1
    ? number(seconds * 1000, { style: "unit", unit: "millisecond", maximumSignificantDigits: 2 })
    : number(seconds, { style: "unit", unit: "second", maximumSignificantDigits: 2 });
