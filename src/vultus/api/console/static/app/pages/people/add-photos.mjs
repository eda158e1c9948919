// Adds photos to a person, one request after another, each with what became of it.
import { useRef, useState } from "preact/hooks";
import { Problem, postForm } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { DropTarget } from "../../parts/drop-target.mjs";
import { Cautions } from "../../parts/evidence.mjs";
import { useBlobUrl } from "../../parts/photo.mjs";
import { PersonName } from "../../parts/person/portrait.mjs";
import { sentenceOf } from "../../parts/problem.mjs";

let sent = 0;

export function AddPhotos({ person, onAdded }) {
  const { photos, add } = useQueue(person, onAdded);
  const form = { img: "@photo.jpg", subject: person.subject, collection: person.collection };
  return html`
    <section class="stack add-photos">
      <h2>${t("people.add_photos")}</h2>
      <${DropTarget} several label=${rich("people.add_photos_of", { name: html`<${PersonName} person=${person} />` })} onPhoto=${(file) => add({ file, face: "only" })} />
      <ul class="sent" aria-live="polite">
        ${photos.map((photo) => html`<${Sent} key=${photo.id} photo=${photo} onLargest=${() => add({ ...photo, face: "largest" })} />`)}
      </ul>
      <${AsCode} method="POST" path="enroll" form=${form} python=${`client.enroll("photo.jpg", subject=${JSON.stringify(person.subject)}, collection=${JSON.stringify(person.collection)})`} />
    </section>
  `;
}

// Photos wait for those before them: the server is asked for one at a time.
function useQueue(person, onAdded) {
  const [photos, setPhotos] = useState([]);
  const line = useRef(Promise.resolve());
  const put = (photo) =>
    setPhotos((all) => (all.some(({ id }) => id === photo.id) ? all.map((one) => (one.id === photo.id ? photo : one)) : [photo, ...all]));
  const add = ({ id = sent++, file, face }) => {
    put({ id, file, face, state: "waits" });
    line.current = line.current.then(async () => put({ id, file, face, ...(await enrolled(file, face, person)) })).then(onAdded);
  };
  return { photos, add };
}

async function enrolled(img, face, { subject, collection }) {
  try {
    const answer = await postForm("enroll", { img, face, subject, collection });
    const [refused] = answer.rejected;
    return refused ? { state: "refused", problem: { code: refused.error ?? refused.code, detail: refused.detail } } : { state: "enrolled", answer };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { state: "refused", problem };
  }
}

function Sent({ photo, onLargest }) {
  const { file, state, answer, problem } = photo;
  const url = useBlobUrl(file);
  const [shows, setShows] = useState(true);
  return html`
    <li class="card sent-photo">
      ${shows ? html`<img class="stored" src=${url} alt="" onError=${() => setShows(false)} />` : html`<span class="no-photo"><${Icon} name="photo" /></span>`}
      <div class="stack">
        <p><bdi class="file-name">${file.name}</bdi></p>
        <p class="state ${state}">${state !== "waits" && html`<${Icon} name=${state === "enrolled" ? "match" : "unreliable"} />`}<span>${state === "refused" ? sentenceOf(problem) : t(`people.photo_${state}`)}</span></p>
        ${answer && html`<${Cautions} answer=${answer} />`}
        ${problem?.code === "multiple_faces" && html`<p><button type="button" class="button small" onClick=${onLargest}>${t("people.take_largest")}</button></p>`}
      </div>
    </li>
  `;
}
