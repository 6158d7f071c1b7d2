import { inject, provide, shallowRef, type InjectionKey, type ShallowRef } from 'vue'
import type { Render } from '@/components/conversation/markdown'

const key: InjectionKey<ShallowRef<Render | null>> = Symbol('markdown')

/** Loads the Markdown renderer for the components below; until it is there they show the text as it was typed. */
export function provideMarkdown(): ShallowRef<Render | null> {
  const render = shallowRef<Render | null>(null)
  void import('@/components/conversation/markdown').then((module) => { render.value = module.makeRender() })
  provide(key, render)
  return render
}

/** The renderer, null while it loads. */
export function useMarkdown(): ShallowRef<Render | null> {
  return inject(key, () => shallowRef(null), true)
}
