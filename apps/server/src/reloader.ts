/** `tenax dev` takes what changes in a project while it runs. What does not load changes nothing, and is told. */
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, messageOf, type Timer } from '@tenax/kernel'
import type { FreshModules } from './fresh-modules.ts'
import { configPathOf, type Project, readProject } from './project.ts'

/** Editors write a file in several steps; what comes within this time is one change. */
const QUIET_MS = 50

const SOURCE = /\.(?:[cm]?[jt]s|json)$/

/** What the reloader works with. */
export interface ReloaderOptions {
  readonly config: string | undefined
  readonly modules: FreshModules
  readonly clock: Clock
  /** Takes the project as it is now. What it throws is told as what does not load is. */
  readonly take: (project: Project) => void
  readonly tell: (outcome: ReloadOutcome) => void
}

/** What became of a change. */
export type ReloadOutcome =
  | { readonly type: 'reloaded'; readonly project: Project }
  | { readonly type: 'refused'; readonly error: unknown; readonly message: string }

/** Watches the directories of a project until the process ends. Keeps it from ending by no means. */
export class Reloader {
  readonly #options: ReloaderOptions
  readonly #watched = new Map<string, FSWatcher>()
  #timer: Timer | undefined
  #isLoading = false
  #hasChanged = false

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#watchAll()
  }

  #watchAll(): void {
    const { modules, config } = this.#options
    for (const directory of new Set([dirname(configPathOf(config)), ...modules.directories])) {
      if (this.#watched.has(directory)) continue
      const watcher = watch(directory, { persistent: false }, (_event, name) => this.#changed(name))
      // A directory that is gone is watched again when a module comes from it again.
      watcher.on('error', () => this.#forget(directory))
      this.#watched.set(directory, watcher)
    }
  }

  #forget(directory: string): void {
    this.#watched.get(directory)?.close()
    this.#watched.delete(directory)
  }

  #changed(name: string | null): void {
    if (name !== null && !SOURCE.test(name)) return
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(QUIET_MS, () => void this.#reload())
  }

  /** One load at a time; what changes meanwhile is loaded behind it. */
  async #reload(): Promise<void> {
    this.#hasChanged = true
    if (this.#isLoading) return
    this.#isLoading = true
    while (this.#hasChanged) {
      this.#hasChanged = false
      this.#options.tell(await this.#load())
      this.#watchAll()
    }
    this.#isLoading = false
  }

  async #load(): Promise<ReloadOutcome> {
    const { config, modules, take } = this.#options
    modules.begin()
    try {
      const project = await readProject(config, (path) => modules.load(path))
      take(project)
      return { type: 'reloaded', project }
    } catch (error) {
      return { type: 'refused', error, message: messageOf(error) }
    }
  }
}
