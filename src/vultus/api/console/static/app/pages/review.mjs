// Review: faces that were seen and are of nobody known, and people of the collection who may be one and the same.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { lazy } from "../lazy.mjs";
import { Tabs } from "../parts/tabs.mjs";
import { Unknown } from "./review/unknown.mjs";
const Doubles = lazy(() => import("./review/doubles.mjs"), "Doubles");

export default function Review({ collection }) {
  const [chosen, setChosen] = useState(0);
  const names = [t("review.unknown"), t("review.doubles")];
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("review.title")}</h1><p class="hint">${t("review.what")}</p></header>
      <${Tabs} label=${t("review.title")} names=${names} chosen=${chosen} onChoose=${setChosen}>
        ${chosen === 0 ? html`<${Unknown} key=${collection} collection=${collection} />` : html`<${Doubles} key=${collection} collection=${collection} />`}
      <//>
    </div>
  `;
}
