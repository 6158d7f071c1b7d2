import { Chat } from './support/chat'
import { expect, password, test } from './support/test'

const budget = 172 * 1024

test('the first load is small, and soon of use', async ({ world }, info) => {
  const anna = await world.register('anna', 'Anna Lind')
  for (let i = 0; i < 20; i++) await anna.createRoom('public', `room ${i}`)
  const { roomId } = (await anna.rooms()).find((room) => room.name === 'Harbour')!
  await anna.send(roomId, 'Hello')

  await test.step('bytes', async () => {
    // Nothing of the app is there yet when it begins; the service worker would fetch ahead what is to be counted.
    const page = await world.stranger({ serviceWorkers: 'block' })
    const session = await page.context().newCDPSession(page)
    await session.send('Network.enable')
    const scripts = new Map<string, { name: string; encoding: string; head: number; body: number }>()
    const hosts = new Set<string>()
    session.on('Network.responseReceived', ({ requestId, type, response }) => {
      hosts.add(new URL(response.url).host)
      if (type !== 'Script') return
      const encoding = Object.entries(response.headers).find(([name]) => name.toLowerCase() === 'content-encoding')?.[1] ?? ''
      scripts.set(requestId, { name: response.url.split('/').pop()!, encoding, head: response.encodedDataLength, body: 0 })
    })
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      const script = scripts.get(requestId)
      if (script) script.body = encodedDataLength - script.head
    })
    await page.goto('/login')
    await page.getByLabel('User name').fill(anna.username)
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByRole('button', { name: 'Log in', exact: true }).click()
    const chat = new Chat(page)
    await chat.enter('Harbour')
    await expect(chat.message('Hello').locator('p')).toBeVisible()

    const all = [...scripts.values()]
    const sum = (of: typeof all) => of.reduce((total, { body }) => total + body, 0)
    // The words of a message are there before Markdown, which loads on its first use, draws them.
    const first = all.filter(({ name }) => !name.startsWith('markdown-'))
    expect(first.length).toBe(all.length - 1)
    const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
    console.log(`scripts of log-in, rooms and a conversation: ${kilobytes(sum(first))} in ${first.length} files; Markdown: ${kilobytes(sum(all) - sum(first))}`)
    expect(sum(first)).toBeGreaterThan(50 * 1024)
    expect(sum(first)).toBeLessThanOrEqual(budget)
    expect(all.filter(({ encoding, body }) => encoding !== 'gzip' && body > 2048)).toEqual([])
    expect([...hosts], 'no other host').toEqual([new URL(world.server.url).host])
  })

  await test.step('time', async () => {
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const page = await world.open(anna, 'about:blank')
      const start = performance.now()
      await page.goto('/', { waitUntil: 'commit' })
      await expect(new Chat(page).entry('Harbour')).toBeVisible()
      times.push(Math.round(performance.now() - start))
      await page.context().close()
    }
    console.log(`from navigation to a usable list of rooms, nothing cached: ${times.join(', ')} ms`)
    info.annotations.push({ type: 'milliseconds to a usable list of rooms', description: times.join(', ') })
  })
})
