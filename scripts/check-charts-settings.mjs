// Holds what the chart gives each process against what that process reads of the environment, as the code has it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './lib.mjs';
import { deployment, equal, one, SERVICES } from './rendered-objects.mjs';

/** As the images have it: the chart's ports and probes go by it. */
const FIXED = ['PORT', 'ADMIN_PORT'];

const given = ({ env }) => env.map(({ name }) => name);
const isSecret = ({ secret }) => secret === true;

/** What `values.settings` takes; every service gets it, from the ConfigMap. */
function takenAsSettings() {
  const file = path.join(ROOT, 'charts/milena/values.schema.json');
  return Object.keys(JSON.parse(readFileSync(file, 'utf8')).properties.settings.properties);
}

/** Everything that a process reads is its to set: what is no secret under `settings`, the rest by a value of its own. */
function reached(objects, { readers, migration }) {
  const open = takenAsSettings();
  const map = Object.keys(one(objects, 'ConfigMap', 'milena-settings').data);
  const missing = (container, reads, ready) =>
    Object.keys(reads).filter((name) => !ready.includes(name) && !given(container).includes(name));
  for (const part of SERVICES) {
    const [container] = deployment(objects, part).template.spec.containers;
    const ready = [...FIXED, ...open, ...map];
    equal(missing(container, readers[part], ready), [], `${part} reads what the chart can't set`);
  }
  const [job] = one(objects, 'Job', 'milena-migration').spec.template.spec.containers;
  equal(missing(job, migration, []), [], "the migration reads what the chart doesn't pass on");
}

/** A process that is broken into gives away only what it needs. */
function secretsApart(objects, { settings, readers }) {
  for (const part of SERVICES) {
    const [container] = deployment(objects, part).template.spec.containers;
    const foreign = given(container).filter(
      (name) => name in settings && isSecret(settings[name]) && !(name in readers[part]),
    );
    equal(foreign, [], `${part} knows secrets that it does not read`);
    // Where an engine is says nothing that must be hidden, unless there is a password in it.
    const shown = container.env.filter(
      ({ name, value }) =>
        name in settings && isSecret(settings[name]) && value && !/^\w+:\/\/[^@]+$/.test(value),
    );
    equal(shown, [], `${part} has secrets that are not in a secret`);
  }
}

/** While the key of the secrets is changed, whoever has one key has the other; before and after there is none. */
function keysTogether(objects) {
  for (const part of SERVICES) {
    const [{ env }] = deployment(objects, part).template.spec.containers;
    const [now, before] = ['SECRETS_KEY', 'SECRETS_KEY_PREVIOUS'].map(
      (wanted) => env.find(({ name }) => name === wanted)?.valueFrom.secretKeyRef,
    );
    if (now === undefined) continue;
    const expected = { name: now.name, key: 'secrets-key-previous', optional: true };
    equal(before, expected, `${part}, SECRETS_KEY_PREVIOUS`);
  }
}

function keyGivenInline(objects) {
  const { data } = one(objects, 'Secret', 'milena-secrets');
  equal(data['secrets-key-previous'], btoa('old'), 'secrets-key-previous');
}

/** The checks of one way to render the chart; `known`: the settings as the code has them. */
export function settingsChecks(variant, known) {
  return [
    ['a service is given no secret that it does not read', (objects) => secretsApart(objects, known)],
    ['both keys of the secrets come together', keysTogether],
    // This one sets everything.
    ...(variant === 'inline'
      ? [
          ['everything that is read can be set', (objects) => reached(objects, known)],
          ['the key before this one is in the secret', keyGivenInline],
        ]
      : []),
  ];
}
