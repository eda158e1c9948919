// The similarity of two faces on a scale with the threshold of the decision. Not a probability, and never shown as one.
import { html } from "../html.mjs";
import { similarity as shown, t } from "../i18n.mjs";

const LOWEST = -0.2; // cosines of strangers seldom lie below it
const place = (value) => `${(100 * (Math.min(Math.max(value, LOWEST), 1) - LOWEST)) / (1 - LOWEST)}%`;

export function Scale({ similarity, threshold }) {
  const words = t("scale.words", { similarity: shown(similarity), threshold: shown(threshold) });
  return html`
    <div class="scale ${similarity >= threshold ? "above" : "below"}" role="img" aria-label=${words}>
      <div class="scale-track">
        <span class="scale-over" style=${{ insetInlineStart: place(threshold) }}></span>
        <span class="scale-threshold" style=${{ insetInlineStart: place(threshold) }}></span>
        <span class="scale-mark" style=${{ insetInlineStart: place(similarity) }}></span>
      </div>
      <div class="scale-words" aria-hidden="true">
        <span>${t("scale.unlike")}</span>
        <span>${words}</span>
        <span>${t("scale.alike")}</span>
      </div>
    </div>
  `;
}
