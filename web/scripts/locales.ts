import { baseCompile, type CompileError } from '@intlify/message-compiler'
import type { Plugin } from 'vite'

type Messages = { [key: string]: string | Messages }

/**
 * Compiles the messages of src/locales when the app is built: the browser gets them ready to be shown, and no compiler.
 * A message that is wrong fails the build.
 */
export function locales(): Plugin {
  return {
    name: 'locales',
    enforce: 'pre',
    transform: {
      filter: { id: /\/src\/locales\/\w+\.json$/ },
      handler: (json) => ({ code: `const s=s=>({t:0,b:{s}});export default ${compiled(JSON.parse(json) as Messages)}`, map: null, moduleType: 'js' }),
    },
  }
}

function compiled(messages: Messages): string {
  const entries = Object.entries(messages).map(([key, value]) => `${JSON.stringify(key)}:${typeof value === 'string' ? message(value) : compiled(value)}`)
  return `{${entries.join()}}`
}

/** A message as vue-i18n's runtime wants it: a tree, or for mere text its short form. */
function message(text: string): string {
  const onError = (error: CompileError) => { throw error }
  const { ast } = baseCompile(text, { jit: true, location: false, optimize: true, minify: true, onError })
  const { s } = (ast as unknown as { b: { s?: string } }).b
  return s === undefined ? JSON.stringify(ast) : `s(${JSON.stringify(s)})`
}
