// Add people: photos of a folder, or files, sorted by person, looked at first, then sent with an outcome for each.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { useStore } from "../store.mjs";
import { Choose } from "./add/choose.mjs";
import { importing } from "./add/import.mjs";
import { Preview } from "./add/preview.mjs";
import { Sending } from "./add/sending.mjs";

export default function Add({ collection }) {
  const now = useStore(importing);
  useStaysOpen(now?.phase === "running");
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("add.title")}</h1><p class="hint">${t("add.what")}</p></header>
      ${!now && html`<${Choose} onFiles=${(found) => importing.set({ phase: "preview", found })} />`}
      ${now?.phase === "preview" && html`<${Preview} found=${now.found} collection=${collection} />`}
      ${now && now.phase !== "preview" && html`<${Sending} sent=${now} />`}
      <${AsCode} method="POST" path="enroll" form=${{ img: "@anna/1.jpg", collection, subject: "anna", name: "Anna" }}
        python=${`report = client.enroll_folder("team/", collection=${JSON.stringify(collection)})\nprint(report)`} />
    </div>
  `;
}

// Asks before the tab is closed while photos are sent.
function useStaysOpen(sends) {
  useEffect(() => {
    if (!sends) return;
    const ask = (event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [sends]);
}
