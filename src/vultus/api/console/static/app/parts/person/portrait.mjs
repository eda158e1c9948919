// A person as a picture: the cover face, or where no photo is kept the first letters of the name.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { FaceCrop } from "../stored-photo.mjs";

const NEAR = "300px"; // of the window, where a picture is fetched

export const nameOf = ({ name, subject }) => name ?? subject;
export const PersonName = ({ person }) => html`<bdi>${nameOf(person)}</bdi>`;

// Said by the name that stands beside it, so it says nothing itself.
export function Portrait({ person, size = 160 }) {
  const place = useRef();
  const near = useNear(place);
  const { cover_face: face } = person;
  return html`
    <span class="portrait" ref=${place} aria-hidden="true">
      ${face ? near && html`<${FaceCrop} key=${face} faceId=${face} size=${size} />` : html`<span class="initials">${initials(nameOf(person))}</span>`}
    </span>
  `;
}

function useNear(place) {
  const [near, setNear] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && setNear(true), { rootMargin: NEAR });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return near;
}

// Of the first word and the last one; a letter may have several code points.
function initials(name) {
  const words = name.split(/[\s_.-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => new Intl.Segmenter().segment(word)[Symbol.iterator]().next().value.segment).join("").toUpperCase() || "?";
}
