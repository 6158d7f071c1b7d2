import { onScopeDispose, ref, type Ref } from 'vue'

/** The time now, renewed every `every` milliseconds while the component lives. */
export function useNow(every: number): Readonly<Ref<number>> {
  const now = ref(Date.now())
  const timer = setInterval(() => { now.value = Date.now() }, every)
  onScopeDispose(() => clearInterval(timer))
  return now
}
