import { ConfigError, describeConfig, readConfig, settingsTable, type Setting } from '../src/index.ts';

const port: Setting<number> = {
  doc: 'Port to listen on | or 0.',
  fallback: '8080',
  parse: (text) => {
    const number = Number(text);
    if (Number.isInteger(number)) return number;
    throw new Error('must be a whole number, for example 8080');
  },
};
const url: Setting<string> = { doc: 'Where the store is.', fallback: null, parse: (text) => text };
const key: Setting<string> = {
  doc: 'The key.',
  fallback: '',
  secret: true,
  parse: (text) => {
    if (text === '' || text.length >= 16) return text;
    throw new Error('must have at least 16 characters');
  },
};
const settings = { PORT: port, STORE_URL: url, API_KEY: key };

test('values are parsed; unset and empty ones take their fallback', () => {
  expect(readConfig({ PORT: '1', STORE_URL: 'x' }, settings)).toEqual({
    PORT: 1,
    STORE_URL: 'x',
    API_KEY: '',
  });
  expect(readConfig({ PORT: '', STORE_URL: 'x' }, settings).PORT).toBe(8080);
});

test('everything that is wrong is told at once, with what would be right, and secrets hidden', () => {
  const read = (): unknown => readConfig({ PORT: 'http', API_KEY: 'geheim' }, settings);
  expect(read).toThrow(ConfigError);
  try {
    read();
  } catch (error) {
    expect((error as ConfigError).problems).toEqual([
      'PORT="http": must be a whole number, for example 8080',
      'STORE_URL is not set: Where the store is.',
      'API_KEY=(hidden): must have at least 16 characters',
    ]);
    expect((error as ConfigError).message).not.toContain('geheim');
  }
});

test('what is shown of the environment masks secrets and leaves out strangers', () => {
  expect(describeConfig({ PORT: '1', API_KEY: 'geheim', PATH: '/bin' }, settings)).toEqual({
    PORT: '1',
    API_KEY: '***',
  });
});

test('the table of settings is Markdown with one row each, pipes escaped, who reads it and with which default', () => {
  const { PORT, STORE_URL } = settings;
  const readers = { api: { ...settings, PORT: { ...PORT, fallback: '8081' } }, worker: { PORT, STORE_URL } };
  expect(settingsTable(settings, readers).split('\n')).toEqual([
    '| Variable | Default | Read by | Meaning |',
    '| --- | --- | --- | --- |',
    '| `PORT` | `8080`; api: `8081` | all | Port to listen on \\| or 0. |',
    '| `STORE_URL` | required | all | Where the store is. |',
    '| `API_KEY` | unset | api | The key. |',
  ]);
});
