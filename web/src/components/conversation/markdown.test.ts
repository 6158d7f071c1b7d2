import { describe, expect, it } from 'vitest'
import { makeRender } from './markdown'

const render = makeRender()
const draw = (content: string, mention: (name: string) => 'none' | 'other' | 'me' = () => 'none') => {
  const host = document.createElement('div')
  host.innerHTML = render(content, mention)
  return host
}

describe('markdown', () => {
  it('draws what people write', () => {
    const host = draw('**bold** *soft* ~~gone~~ `code`\nnext line\n\n1. one\n2. two\n\n```py\nprint("<b>")\n```')
    expect(host.querySelector('strong')?.textContent).toBe('bold')
    expect(host.querySelector('em')?.textContent).toBe('soft')
    expect(host.querySelector('br')).not.toBeNull()
    expect(host.querySelectorAll('ol > li')).toHaveLength(2)
    expect(host.querySelector('pre code')?.textContent).toBe('print("<b>")\n')
    expect(host.querySelector('pre')?.getAttribute('tabindex')).toBe('0')
  })

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '![spy](https://elsewhere.example/pixel.png)',
    '<a href="javascript:alert(1)">x</a>',
    '<iframe srcdoc="x"></iframe>',
    '<style>*{display:none}</style>',
    '<svg/onload=alert(1)>',
  ])('makes no element of %s', (content) => {
    const host = draw(content)
    expect(host.querySelector('script, img, iframe, style, svg, [onerror], [onload], [style]')).toBeNull()
    for (const link of host.querySelectorAll('a')) expect(link.getAttribute('href')).toMatch(/^https?:/)
  })

  it.each(['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', ' javascript:alert(1)'])('does not link to %s', (target) => {
    expect(draw(`[here](${target})`).querySelector('a[href]')).toBeNull()
  })

  it('opens links apart, without telling where from', () => {
    const link = draw('see https://example.org/a?b=1 now').querySelector('a')!
    expect(link.getAttribute('href')).toBe('https://example.org/a?b=1')
    expect(link.getAttribute('target')).toBe('_blank')
    expect(link.getAttribute('rel')).toContain('noopener')
  })

  it('marks who is mentioned, but not in code, links or addresses', () => {
    const who = (name: string) => (name === 'ada' ? 'me' : name === 'ben' ? 'other' : 'none')
    const host = draw('@ada and **@Ben**, not `@ada`, [@ada](https://example.org), x@ada or @eve', who)
    expect([...host.querySelectorAll('.mention')].map((each) => each.textContent)).toEqual(['@ada', '@Ben'])
    expect(host.querySelector('.mention-me')?.textContent).toBe('@ada')
    expect(host.textContent?.trim()).toBe('@ada and @Ben, not @ada, @ada, x@ada or @eve')
  })
})
