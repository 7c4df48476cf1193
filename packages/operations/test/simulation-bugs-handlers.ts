/** Faults planted into what handlers do and what kinds plan. */
import type { Effect, Json, KindDefinition, PlanDraft } from '@longshore/core';
import type { Bugs } from './simulation-bugs.ts';
import type { Context, Handling } from './simulation-guarded.ts';

export function mishandle(bugs: Bugs): Handling {
  const fingerprints = new Map<string, Json>();
  return {
    context(context, undoing) {
      const broken: { -readonly [name in keyof Context]: Context[name] } = { ...context };
      if (bugs.has('confirm-skipped')) broken.effect = (effect) => context.effect(unconfirmed(effect));
      if (bugs.has('intent-after-act'))
        broken.effect = async (effect) => {
          const isSo = JSON.stringify(await effect.observe()) === JSON.stringify(effect.wanted);
          if (!isSo || effect.always) {
            await context.lease.assertHeld();
            await effect.act();
          }
          const { always: _never, ...rest } = effect;
          return context.effect({ ...rest, act: async () => undefined });
        };
      if (bugs.has('closing-only-recorded') && /^(close|look)-/.test(context.task.id)) broken.effect = async ({ wanted }) => wanted;
      if (bugs.has('unknown-not-undone') && undoing)
        broken.journal = {
          ...context.journal,
          entries: async () => (await context.journal.entries()).filter(({ state }) => state !== 'intent'),
        };
      if (bugs.has('guard-without-limit'))
        broken.guard = { ...context.guard, open: (request) => context.guard.open({ ...request, maxMs: request.maxMs * 1_000 }) };
      return broken;
    },
    kind(kind): KindDefinition {
      if (!bugs.has('plan-not-rechecked')) return kind;
      return {
        ...kind,
        async plan(context): Promise<PlanDraft> {
          const made = await kind.plan(context);
          const first = fingerprints.get(context.operation.id) ?? made.fingerprint ?? null;
          fingerprints.set(context.operation.id, first);
          return { ...made, fingerprint: first };
        },
      };
    },
  };
}

function unconfirmed<T extends Json>(effect: Effect<T>): Effect<T> {
  let acted = false;
  return {
    ...effect,
    observe: async () => (acted ? effect.wanted : effect.observe()),
    act: async () => {
      await effect.act();
      acted = true;
    },
  };
}
