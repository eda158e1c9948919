// Tables as files that a spreadsheet opens, without a cell that it would run as a formula.
import { saveFile } from "../save-file.mjs";

// Texts that begin like this are formulas to Excel, LibreOffice or Google Sheets (OWASP, CSV Injection), also behind
// blanks and in full width. An apostrophe before them makes them text.
const FORMULA = /^[\s\u200b]*[=+\-@\t\r\uff0b\uff0d\uff1d\uff20]/;

// heads: texts; rows: lists of texts, numbers, null. A number is never a formula. RFC 4180, with CRLF.
export const csvOf = (heads, rows) => [heads, ...rows].map((row) => row.map(cell).join(",") + "\r\n").join("");

function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The mark of the byte order tells a spreadsheet that it is UTF-8.
export const saveCsv = (name, text) => saveFile("\ufeff" + text, name, "text/csv;charset=utf-8");
