// How long each call takes, from the histograms of /metrics: since the start of the server.
import { html } from "../../html.mjs";
import { number, t } from "../../i18n.mjs";
import { DataTable } from "../../parts/records/data-table.mjs";
import { took } from "../../parts/records/units.mjs";

const SAMPLE = /^vultus_http_request_duration_seconds_bucket\{([^}]*)\} (\S+)/gm;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const OWN = /^\/($|console|docs|openapi|health$|readiness$|metrics$|status$)/; // pages and probes, not work

// text: in Prometheus' text format. [{method, route, count, median, slow}], the most called first; seconds.
export function latencies(text) {
  const calls = new Map();
  for (const [, labels, value] of text.matchAll(SAMPLE)) {
    const { method, route, le } = Object.fromEntries([...labels.matchAll(LABEL)].map(([, name, found]) => [name, found]));
    if (OWN.test(route)) continue;
    const name = `${method} ${route}`;
    if (!calls.has(name)) calls.set(name, { method, route, buckets: [] });
    calls.get(name).buckets.push([Number(le.replace("+Inf", "Infinity")), Number(value)]);
  }
  return [...calls.values()].map(timesOf).filter(({ count }) => count).sort((one, other) => other.count - one.count);
}

function timesOf({ method, route, buckets }) {
  buckets.sort(([one], [other]) => one - other);
  return { method, route, count: buckets.at(-1)[1], median: quantile(0.5, buckets), slow: quantile(0.95, buckets) };
}

// As Prometheus' histogram_quantile: evenly spread within a bucket; the last finite bound where it lies beyond.
function quantile(share, buckets) {
  const rank = share * buckets.at(-1)[1];
  const at = buckets.findIndex(([, count]) => count >= rank);
  const [low, before] = at ? buckets[at - 1] : [0, 0];
  const [high, count] = buckets[at];
  return high === Infinity ? low : low + ((high - low) * (rank - before)) / Math.max(count - before, 1);
}

// calls: null where the key may not see them.
export const Latency = ({ calls }) => html`
  <section class="card stack">
    <h2>${t("system.latency")}</h2>
    ${calls === null && html`<p class="hint">${t("system.latency_scope")}</p>`}
    ${calls?.length === 0 && html`<p class="hint">${t("system.latency_none")}</p>`}
    ${calls?.length > 0 && html`
      <${DataTable} caption=${t("system.latency")}
        heads=${[t("system.call"), t("system.calls"), t("system.median"), t("system.slow")]}
        rows=${calls.map(({ method, route, count, median, slow }) => ({
          key: method + route,
          cells: [html`<code dir="ltr">${method} ${route}</code>`, number(count), took(median), took(slow)],
        }))} />
    `}
  </section>
`;
