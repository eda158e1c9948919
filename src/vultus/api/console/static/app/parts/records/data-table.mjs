// A table of records. On a narrow page each row is a block, with the heading of its column before each value.
import { html } from "../../html.mjs";

// heads: what stands above the columns; rows: [{key, cells, quiet?}], cells as many as heads. The roles are said again, as a
// browser drops those of a table that is drawn as blocks.
export const DataTable = ({ caption, heads, rows }) => html`
  <table class="data" role="table">
    <caption class="unseen">${caption}</caption>
    <thead role="rowgroup">
      <tr role="row">${heads.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}</tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(({ key, cells, quiet }) => html`
        <tr key=${key} role="row" class=${quiet ? "quiet" : undefined}>
          ${cells.map((cell, i) => html`<td role="cell" data-head=${heads[i]}><div>${cell}</div></td>`)}
        </tr>
      `)}
    </tbody>
  </table>
`;

// Names and values, one pair a line: [[name, value], ...]; a pair without a value is left out.
export const Facts = ({ pairs }) => html`
  <dl class="facts">
    ${pairs.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => html`
      <div key=${name}><dt>${name}</dt><dd>${value}</dd></div>
    `)}
  </dl>
`;
