/**
 * What the package needs of its runtime, checked once at start, so that an old one is named instead of failing somewhere
 * in the middle. It imports nothing but the errors: it must load where the rest cannot.
 */
import { RuntimeTooOld } from './error.ts'

const majorMin = 24

/** Throws `node.runtime_too_old` on anything older than Node.js 24. */
export function checkRuntime(version: string = process.versions.node): void {
  if (Number.parseInt(version, 10) < majorMin) throw new RuntimeTooOld(version, String(majorMin))
}
