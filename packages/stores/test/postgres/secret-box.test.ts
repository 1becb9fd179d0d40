import { randomBytes } from 'node:crypto';
import { createSecretBox, SecretBoxError } from '../../src/postgres/index.ts';

const KEY = randomBytes(32);
const ID = '0198c5e2-7d1a-7c3e-9b51-6f0a4c1d2e3f';

test('a sealed secret opens to itself, and no two seals are alike', () => {
  const box = createSecretBox(KEY);
  const [one, two] = [box.seal('sëcret', ID), box.seal('sëcret', ID)];
  expect(box.open(one, ID)).toBe('sëcret');
  expect(one.sealed.equals(two.sealed)).toBe(false);
  expect(one.sealed.includes('cret')).toBe(false);
});

test('a secret moved to another subscription does not open', () => {
  const box = createSecretBox(KEY);
  const moved = () => box.open(box.seal('secret', ID), ID.replace('0', '1'));
  expect(moved).toThrow(SecretBoxError);
});

test('a changed or shortened secret does not open', () => {
  const box = createSecretBox(KEY);
  const { key_id, sealed } = box.seal('secret', ID);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
    expect(() => box.open({ key_id, sealed: changed }, ID)).toThrow(SecretBoxError);
    expect(() => box.open({ key_id, sealed: sealed.subarray(0, at) }, ID)).toThrow(SecretBoxError);
  }
});

test('under another key it says so, without showing either', () => {
  const { sealed, key_id } = createSecretBox(KEY).seal('secret', ID);
  expect(() => createSecretBox(randomBytes(32)).open({ sealed, key_id }, ID)).toThrow(/another SECRETS_KEY/);
  expect(KEY.toString('hex')).not.toContain(key_id);
});

test('a key before it still opens what was sealed under it, and seals nothing any more', () => {
  const [old, current] = [randomBytes(32), randomBytes(32)];
  const box = createSecretBox(current, [randomBytes(32), old]);
  const sealedBefore = createSecretBox(old).seal('secret', ID);
  expect(box.open(sealedBefore, ID)).toBe('secret');
  expect(sealedBefore.key_id).not.toBe(box.keyId);
  expect(box.seal('secret', ID).key_id).toBe(createSecretBox(current).keyId);
});

test('a key of another length is refused', () => {
  expect(() => createSecretBox(randomBytes(16))).toThrow('32 bytes');
  expect(() => createSecretBox(KEY, [randomBytes(16)])).toThrow('32 bytes');
});
