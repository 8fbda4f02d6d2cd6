/**
 * Modules of a project, loaded anew as often as asked. Node keeps a module under its URL for good, so each load marks the URLs
 * of all modules that are reached by relative paths; packages keep their one instance (docs/decisions/0032).
 */
import { registerHooks } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const MARK = 'tenax-load'

/** The modules of one project. */
export class FreshModules {
  #loadNumber = 0
  readonly #directories = new Set<string>()

  constructor() {
    registerHooks({
      resolve: (specifier, context, next) => {
        const found = next(specifier, context)
        const mark = markOf(context.parentURL)
        if (mark === null || !/^\.{0,2}\//.test(specifier) || !found.url.startsWith('file:')) return found
        return { ...found, url: this.#marked(found.url, mark) }
      },
    })
  }

  /** From now on everything is loaded again. */
  begin(): void {
    this.#loadNumber += 1
  }

  /** What the module at `path` exports, with all that it imports by relative paths, as they are since `begin`. */
  load(path: string): Promise<unknown> {
    return import(this.#marked(pathToFileURL(path).href, String(this.#loadNumber)))
  }

  /** Where modules came from, or were looked for. */
  get directories(): readonly string[] {
    return [...this.#directories]
  }

  #marked(href: string, mark: string): string {
    const url = new URL(href)
    this.#directories.add(dirname(fileURLToPath(url)))
    url.searchParams.set(MARK, mark)
    return url.href
  }
}

function markOf(url: string | undefined): string | null {
  return url?.startsWith('file:') ? new URL(url).searchParams.get(MARK) : null
}
