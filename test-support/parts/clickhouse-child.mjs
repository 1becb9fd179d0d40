import { pathToFileURL } from 'node:url';

/** Runs the engine until the parent hangs up, also when that is because it died. */
const [bundle, dataDir] = process.argv.slice(2);
const loaded = await import(pathToFileURL(bundle).href);
const { startChdbServer } = loaded.default ?? loaded;
const engine = await startChdbServer({ dataDir });
// An interrupt from the terminal reaches the whole group; the parent decides when to end.
process.on('SIGINT', () => undefined);
process.once('disconnect', () => {
  void engine.stop().then(() => process.exit(0));
});
process.send(engine.url);
