/**
 * The message in hand, for kinds of actors that are built on plain ones: what a pool and a persistent actor do beyond the
 * context they are given. Unlike `ctx.refuse` a refusal here is never silent: where nobody waits, it is a dead letter.
 */
import { Aborted, InvalidArgument } from '../base/error.ts'
import type { Context, Later } from './actor.ts'
import { Cell } from './cell.ts'
import { CellContext } from './context.ts'
import { ForwardedAnswer } from './later.ts'

export interface InHand {
  readonly context: CellContext
  readonly cell: Cell
}

export function inHand(ctx: Context<unknown>): InHand {
  if (ctx instanceof CellContext && ctx.host instanceof Cell) return { context: ctx, cell: ctx.host }
  throw new InvalidArgument('ctx', 'must be the context that the runtime gave')
}

/**
 * Works on a signal that only the end of the incarnation aborts, unlike `ctx.signal`: what the actor needs to go on must not
 * end because a caller gave up.
 */
export async function untilEnd<Result>(cell: Cell, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const forget = cell.atEnd(() => controller.abort(new Aborted(`the work of ${cell.text}`)))
  try {
    return await work(controller.signal)
  } finally {
    forget()
  }
}

/** Whoever waits for the message in hand is told, and the actor goes on. The handler returns it. */
export function refuseInHand(ctx: Context<unknown>, error: Error): Later<never> {
  const { context, cell } = inHand(ctx)
  const { letter } = context
  if (letter) {
    const { call, receipt } = letter.extra ?? {}
    receipt?.tell({ ok: false, delivery: receipt.delivery, reason: 'handler_failed', error })
    if (!call || (!call.reject(error) && call.abandoned)) cell.system.deadLetter(cell, letter, 'handler_failed')
  }
  return new ForwardedAnswer()
}
