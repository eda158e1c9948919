// The way in for many photos: drop folders or files, or choose them.
import { useId, useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { filesOfDrop, filesOfInput } from "../../parts/chosen-files.mjs";
import { forgetAll, interrupted } from "./marks.mjs";

const TYPES = "image/*,.heic,.heif,.avif,.tif,.tiff";

// onFiles([{path, file}])
export function Choose({ onFiles }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const [read, setRead] = useState(null);
  const drop = async (event) => {
    event.preventDefault();
    setOver(false);
    setRead(0);
    const found = await filesOfDrop(event.dataTransfer, setRead);
    setRead(null);
    if (found.length) onFiles(found);
  };
  const chosen = ({ target }) => target.files.length && onFiles(filesOfInput(target));
  return html`
    <${Interrupted} />
    <div class=${over ? "drop over" : "drop"} onDrop=${drop} onDragLeave=${() => setOver(false)}
      onDragOver=${(event) => (event.preventDefault(), setOver(true))}>
      <input class="unseen" type="file" id="${id}-folder" webkitdirectory onChange=${chosen} />
      <input class="unseen" type="file" id="${id}-files" multiple accept=${TYPES} onChange=${chosen} />
      <label class="drop-label" for="${id}-folder">
        <${Icon} name="folder" /><strong>${t("add.drop")}</strong><span>${t("add.how")}</span>
      </label>
      <p role="status" class=${read === null ? "unseen" : "hint"}>${read === null ? "" : t("add.reading", { files: read })}</p>
      <div class="drop-ways">
        <label class="button primary" for="${id}-folder"><${Icon} name="folder" />${t("add.choose_folder")}</label>
        <label class="button" for="${id}-files"><${Icon} name="photo" />${t("add.choose_files")}</label>
      </div>
    </div>
  `;
}

// What a reload interrupted in this tab.
function Interrupted() {
  const [run, setRun] = useState(interrupted);
  if (!run) return null;
  const forget = () => (forgetAll(), setRun(null));
  return html`
    <div class="note warn">
      <${Icon} name="unreliable" />
      <div class="stack">
        <p>${rich("add.interrupted", { done: run.done, total: run.total, collection: html`<bdi>${run.collection}</bdi>` })}</p>
        <p><button type="button" class="button" onClick=${forget}>${t("add.forget")}</button></p>
      </div>
    </div>
  `;
}
