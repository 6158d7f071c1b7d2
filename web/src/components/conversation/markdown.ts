import DOMPurify from 'dompurify'
import MarkdownIt, { type Token } from 'markdown-it'

/** Turns one message into safe HTML. `mention` says how to mark `@name`: not at all, plainly, or as oneself. */
export type Render = (content: string, mention: (username: string) => 'none' | 'other' | 'me') => string

const allowedTags = [
  'p', 'br', 'strong', 'em', 's', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'hr', 'span',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td',
]

/**
 * Makes the renderer: Markdown without raw HTML or images, then a sanitizer that knows a short list of tags,
 * so that either alone would do. Links leave in a new tab and tell nothing of where they came from.
 */
export function makeRender(): Render {
  const md = new MarkdownIt({ html: false, linkify: true, breaks: true })
  md.disable('image')
  md.linkify.set({ fuzzyEmail: false, fuzzyIP: false })

  const { rules } = md.renderer
  rules.link_open = (tokens, index, options, _env, self) => {
    tokens[index]!.attrSet('target', '_blank')
    tokens[index]!.attrSet('rel', 'noopener noreferrer nofollow')
    return self.renderToken(tokens, index, options)
  }
  // A wide block scrolls; the keyboard must be able to reach it.
  for (const kind of ['fence', 'code_block'] as const) {
    const plain = rules[kind]
    rules[kind] = (...args) => (plain?.(...args) ?? '').replace('<pre>', '<pre tabindex="0">')
  }

  const purify = DOMPurify(window)

  return (content, mention) => {
    const tokens = md.parse(content, {})
    for (const token of tokens) {
      if (token.type === 'inline' && token.children) token.children = markMentions(token.children, mention)
    }
    const html = md.renderer.render(tokens, md.options, {})
    return purify.sanitize(html, {
      ALLOWED_TAGS: allowedTags,
      ALLOWED_ATTR: ['href', 'class', 'start', 'target', 'rel', 'tabindex'],
      // The pattern below is asked of every attribute but these.
      ADD_URI_SAFE_ATTR: ['start', 'target', 'rel', 'tabindex'],
      ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
      ALLOW_DATA_ATTR: false,
    })
  }
}

/** Splits text tokens at `@name` and wraps those that name somebody; links and code stay as they are. */
function markMentions(tokens: Token[], mention: (username: string) => 'none' | 'other' | 'me'): Token[] {
  let links = 0
  return tokens.flatMap((token) => {
    if (token.type === 'link_open') links++
    if (token.type === 'link_close') links--
    if (token.type !== 'text' || links > 0 || !token.content.includes('@')) return [token]
    const Make = token.constructor as new (type: string, tag: string, nesting: -1 | 0 | 1) => Token
    const text = (content: string) => Object.assign(new Make('text', '', 0), { content })
    return token.content.split(/(?<![\p{L}\p{N}_@])(@[a-z0-9._-]{3,32})/iu).flatMap((part, i) => {
      if (i % 2 === 0) return part ? [text(part)] : []
      const kind = mention(part.slice(1).toLowerCase())
      if (kind === 'none') return [text(part)]
      const open = new Make('span_open', 'span', 1)
      open.attrSet('class', kind === 'me' ? 'mention mention-me' : 'mention')
      return [open, text(part), new Make('span_close', 'span', -1)]
    })
  })
}
