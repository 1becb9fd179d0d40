import { NO_ID, derivedId, idSchema, newId, timeOfId } from '@milena/domain';

const NOW = Date.UTC(2026, 0, 1, 12, 34, 56, 789);

describe('a new id', () => {
  it('is a UUIDv7 that carries its time to the millisecond', () => {
    const id = newId(NOW);
    expect(idSchema.safeParse(id).success).toBe(true);
    expect(id).toMatch(/^.{14}7.{4}[89ab]/);
    expect(timeOfId(id)).toBe(NOW);
  });

  it('never comes twice, over many refills of the pool of random bytes', () => {
    expect(new Set(Array.from({ length: 5000 }, () => newId(NOW))).size).toBe(5000);
  });

  it('sorts after ids of earlier milliseconds', () => {
    expect(newId(NOW) < newId(NOW + 1)).toBe(true);
    expect(newId(1) < newId(NOW)).toBe(true);
  });
});

describe('a derived id', () => {
  const seed = newId(NOW);

  it("is the same again for the same seed and name, with the seed's time", () => {
    const id = derivedId(seed, 'a');
    expect(derivedId(seed, 'a')).toBe(id);
    expect(idSchema.safeParse(id).success).toBe(true);
    expect(id).toMatch(/^.{14}7.{4}[89ab]/);
    expect(timeOfId(id)).toBe(NOW);
  });

  it('differs by seed and by name', () => {
    const ids = [derivedId(seed, 'a'), derivedId(seed, 'b'), derivedId(newId(NOW), 'a'), seed];
    expect(new Set(ids).size).toBe(4);
  });
});

describe('the time of an id', () => {
  it('is unknown for anything but a UUIDv7', () => {
    expect(timeOfId(NO_ID)).toBeNull();
    expect(timeOfId('3b241101-e2bb-4255-8caf-4136c566a962')).toBeNull();
    expect(timeOfId('')).toBeNull();
  });
});
