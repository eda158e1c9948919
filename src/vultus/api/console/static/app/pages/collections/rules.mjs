// The policies of a collection: as sentences, as fields, and as the API takes them.
import { html } from "../../html.mjs";
import { oneIn, t } from "../../i18n.mjs";

const RATES = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];

export const rulesInWords = ({ store_photos, retention_days, keep_unknown_days, liveness, min_quality, target_fpir, target_fmr }) =>
  [
    t(store_photos ? "collections.photos_kept" : "collections.photos_not_kept"),
    retention_days !== null && t("collections.retention", { count: retention_days }),
    keep_unknown_days !== null && t("collections.unknown", { count: keep_unknown_days }),
    liveness && t(liveness === "require" ? "collections.liveness_require" : "collections.liveness_report"),
    min_quality !== null && t("collections.quality", { count: min_quality }),
    target_fpir !== null && t("collections.fpir", { count: oneIn(target_fpir) }),
    target_fmr !== null && t("collections.fmr", { count: oneIn(target_fmr) }),
  ].filter(Boolean);

// What the fields of a form hold: texts, "" where there is no rule.
export const NO_RULES = { store_photos: true, retention_days: "", keep_unknown_days: "", liveness: "", min_quality: "", target_fpir: "", target_fmr: "" };
export const fieldsOf = (policies) =>
  Object.fromEntries(Object.entries(NO_RULES).map(([name, none]) => [name, policies[name] === null ? none : typeof policies[name] === "number" ? String(policies[name]) : policies[name]]));

// The policies of the API, from fields: what differs from `before`.
export const changesOf = (fields, before = NO_RULES) =>
  Object.fromEntries(Object.entries(fields).filter(([name, value]) => value !== before[name]).map(([name, value]) => [name, valueOf(name, value)]));

function valueOf(name, value) {
  if (value === "") return null;
  return typeof value === "string" && name !== "liveness" ? Number(value) : value;
}

export function RuleFields({ fields, before = NO_RULES, onChange }) {
  const change = (name) => (event) => onChange({ ...fields, [name]: event.target.value });
  return html`
    <fieldset class="choices stack">
      <legend>${t("collections.rules")}</legend>
      <label class="check">
        <input type="checkbox" checked=${fields.store_photos} onChange=${() => onChange({ ...fields, store_photos: !fields.store_photos })} />
        <span>${t("collections.keep_photos")}</span>
        <span class="hint">${t("collections.keep_photos_hint")}</span>
      </label>
      <label class="field">
        <span>${t("collections.retention_of")}</span>
        <input type="number" min="1" max="36500" step="1" inputmode="numeric" placeholder=${t("collections.for_ever")} value=${fields.retention_days} onInput=${change("retention_days")} />
      </label>
      ${fields.retention_days && html`<p class="note warn">${t("collections.retention_hint")}</p>`}
      <label class="field">
        <span>${t("collections.unknown_of")}</span>
        <input type="number" min="1" max="365" step="1" inputmode="numeric" placeholder=${t("collections.unknown_none")} value=${fields.keep_unknown_days} onInput=${change("keep_unknown_days")} />
      </label>
      ${fields.keep_unknown_days && html`<p class="note warn">${t("collections.unknown_hint")}</p>`}
      ${before.keep_unknown_days && !fields.keep_unknown_days && html`<p class="note warn">${t("collections.unknown_gone")}</p>`}
      <label class="field">
        <span>${t("collections.liveness_of")}</span>
        <select value=${fields.liveness} onChange=${change("liveness")}>
          <option value="">${t("collections.server_decides")}</option>
          <option value="report">${t("collections.liveness_report")}</option>
          <option value="require">${t("collections.liveness_require")}</option>
        </select>
      </label>
      <label class="field">
        <span>${t("collections.quality_of")}</span>
        <input type="number" min="0" max="100" step="1" inputmode="numeric" placeholder=${t("collections.server_decides")} value=${fields.min_quality} onInput=${change("min_quality")} />
      </label>
      <${Rate} label=${t("collections.fpir_of")} value=${fields.target_fpir} onChange=${change("target_fpir")} />
      <${Rate} label=${t("collections.fmr_of")} value=${fields.target_fmr} onChange=${change("target_fmr")} />
    </fieldset>
  `;
}

// A rate that is none of those offered stays as it is.
function Rate({ label, value, onChange }) {
  const rates = value && !RATES.includes(Number(value)) ? [Number(value), ...RATES] : RATES;
  return html`
    <label class="field">
      <span>${label}</span>
      <select value=${value} onChange=${onChange}>
        <option value="">${t("collections.server_decides")}</option>
        ${rates.map((one) => html`<option key=${one} value=${String(one)}>${t("collections.one_in", { count: oneIn(one) })}</option>`)}
      </select>
    </label>
  `;
}
