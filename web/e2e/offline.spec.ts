import { Chat } from './support/chat'
import { expect, type Page, test } from './support/test'

/** Waits until the browser keeps the app: from then on it starts without a network. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }))
  })
}

test('the app starts cold, with the server gone and no network, and shows what it knows', async ({ world, narrow }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const ben = await world.register('ben', 'Ben Okafor')
  const [harbour] = await anna.rooms()
  const path = `/rooms/${harbour!.roomId}`
  await ben.send(harbour!.roomId, 'Mind the tide')
  const first = new Chat(await world.open(anna, path))
  await first.live()
  await expect(first.message('Mind the tide')).toBeVisible()
  await first.say('I do')
  await expect(first.message('I do')).toHaveAttribute('data-state', 'sent')
  await first.box.fill('half a thought')
  await kept(first.page)
  const context = first.page.context()
  await first.page.close()
  world.expectTrouble(/net::ERR_/, /WebSocket connection .* failed/)
  await world.server.kill()
  await context.setOffline(true)

  const cold = new Chat(await context.newPage())
  await test.step('rooms, last messages and drafts are there', async () => {
    await cold.page.goto('/')
    await expect(cold.page).toHaveURL('/')
    await expect(cold.entry('Harbour')).toContainText('half a thought')
    if (narrow) await expect(cold.page.getByRole('heading', { level: 1, name: 'Harbour' })).toBeVisible()
    await expect(cold.trouble).toContainText('You are offline')
    await cold.enter('Harbour')
    await expect(cold.message('Mind the tide')).toBeVisible()
    await expect(cold.message('I do')).toBeVisible()
    await expect(cold.box).toHaveValue('half a thought')
  })
  await test.step('what one writes waits, through one more cold start', async () => {
    await cold.say('written in the tunnel')
    await expect(cold.message('written in the tunnel')).toHaveAttribute('data-state', 'waiting')
    await cold.page.reload()
    await expect(cold.message('written in the tunnel')).toHaveAttribute('data-state', 'waiting')
    await expect(cold.trouble).toContainText('1 message waiting')
  })
  await test.step('pages that were never opened are there as well', async () => {
    await cold.page.goto('/settings')
    await expect(cold.page.getByRole('heading', { level: 1, name: 'Settings' })).toBeVisible()
    await cold.page.goto(path)
  })
  await test.step('back online it goes out, once', async () => {
    await world.server.restart()
    await context.setOffline(false)
    await expect(cold.message('written in the tunnel')).toHaveAttribute('data-state', 'sent', { timeout: 40_000 })
    expect((await ben.history(harbour!.roomId)).map((message) => message.content)).toEqual(['Mind the tide', 'I do', 'written in the tunnel'])
  })
})

test('a session that the server ended leads to the log-in; what was written is still there afterwards', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  await annas.live()
  await kept(annas.page)
  await annas.box.fill('half a thought')
  await annas.page.goto('about:blank')
  world.expectTrouble(/status of 401/)
  await anna.endSessions()
  await annas.page.goto('/')
  await expect(annas.page.getByText('drafts and waiting messages are still here')).toBeVisible()
  await annas.page.getByLabel('Password', { exact: true }).fill('nine purple otters hum')
  await annas.page.getByRole('button', { name: 'Log in', exact: true }).click()
  await annas.enter('Harbour')
  await expect(annas.box).toHaveValue('half a thought')
})

test('nothing of the person stays after the log-out, and the worker never kept any of it', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  await anna.send(harbour!.roomId, 'between us')
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  await annas.live()
  await kept(annas.page)
  await annas.page.reload()
  await expect(annas.message('between us')).toBeVisible()
  await annas.logout()
  const left = await annas.page.evaluate(async () => {
    const addresses: string[] = []
    for (const name of await caches.keys()) addresses.push(...(await (await caches.open(name)).keys()).map((request) => new URL(request.url).pathname))
    return { addresses, databases: (await indexedDB.databases()).length, words: JSON.stringify({ ...localStorage }) }
  })
  expect(left.databases).toBe(0)
  expect(left.words).not.toMatch(/anna|Harbour/i)
  expect(left.addresses).toContain('/index.html')
  expect(left.addresses.filter((path) => /^\/(api|ws|files)/.test(path))).toEqual([])
})

test('a new version is offered, comes when one wants it, and takes nothing that was being written', async ({ world }) => {
  const anna = await world.register('anna', 'Anna Lind')
  const [harbour] = await anna.rooms()
  const annas = new Chat(await world.open(anna, `/rooms/${harbour!.roomId}`))
  const { page } = annas
  await annas.live()
  await kept(page)
  await annas.box.fill('half a thought')
  await expect(page.getByTestId('update')).toHaveCount(0)
  // A worker from another address is to the browser what a worker with other contents is: a new version.
  await page.evaluate(async () => { await navigator.serviceWorker.register('/sw.js?next', { updateViaCache: 'none' }) })
  await expect(page.getByTestId('update')).toContainText('A new version is ready.')
  await expect(annas.box).toHaveValue('half a thought')
  const loaded = page.waitForEvent('load')
  await page.getByTestId('update').getByRole('button', { name: 'Reload' }).click()
  await loaded
  await annas.live()
  await expect(annas.box).toHaveValue('half a thought')
  expect(await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toMatch(/next$/)
})

test('the app can be installed, in either language', async ({ world }) => {
  await world.register('anna', 'Anna Lind')
  const page = await world.stranger()
  await page.goto('/login')
  const session = await page.context().newCDPSession(page)
  const { url, errors, data } = await session.send('Page.getAppManifest')
  expect(errors).toEqual([])
  expect(url).toMatch(/app\.en\.webmanifest$/)
  expect(JSON.parse(data!)).toMatchObject({ id: '/', name: 'Parley', lang: 'en', display: 'standalone', start_url: '/' })
  await kept(page)
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([])

  const german = await world.stranger({ locale: 'de-DE' })
  await german.goto('/login')
  await expect(german.locator('html')).toHaveAttribute('lang', 'de')
  const manifest = await (await german.request.get(await german.locator('link[rel=manifest]').getAttribute('href') ?? '')).json() as { lang: string; icons: { src: string }[] }
  expect(manifest.lang).toBe('de')
  for (const { src } of manifest.icons) expect((await german.request.get(src)).headers()['content-type']).toMatch(/^image\//)
})
