import { Chat } from './support/chat'
import { expect, password, test } from './support/test'

test('the first person sets the server up, invites a second, and both find their way back in', async ({ world, narrow }) => {
  // A refusal is an error in the browser's eyes too.
  world.expectTrouble(/status of (400|409).*auth\/register/, /status of 401.*auth\/login/, /status of 404.*\/invites\//)
  const anna = await world.stranger()
  const annasChat = new Chat(anna)

  await test.step('set-up', async () => {
    await anna.goto('/')
    await expect(anna.getByRole('heading', { name: 'Welcome to Parley' })).toBeVisible()
    await anna.getByRole('button', { name: 'Start' }).click()
    await expect(anna.getByText('Please fill this in.')).toHaveCount(3)
    await anna.getByLabel('Name of this server').fill('Lighthouse Club')
    await anna.getByLabel('User name').fill('anna')
    await anna.getByLabel('Password', { exact: true }).fill('password')
    await anna.getByRole('button', { name: 'Start' }).click()
    await expect(anna.getByText('This password is too easy to guess')).toBeVisible()
    await anna.getByLabel('Password', { exact: true }).fill(password)
    await anna.getByRole('button', { name: 'Start' }).click()
    await expect(annasChat.heading('Lighthouse Club')).toBeVisible()
    await expect(anna).toHaveURL(/\/rooms\/[^/]+$/)
  })

  const room = new URL(anna.url()).pathname
  await test.step('the empty room says what to do', async () => {
    await expect(anna.getByRole('heading', { name: 'Nothing said in Lighthouse Club yet' })).toBeVisible()
    await expect(anna.getByRole('button', { name: 'Say hello' })).toBeVisible()
    await anna.getByRole('button', { name: 'Say hello' }).click()
    await expect(annasChat.box).toBeFocused()
    await annasChat.say('Hello, is anybody there?')
    await expect(anna.getByRole('heading', { name: 'Nothing said in Lighthouse Club yet' })).toHaveCount(0)
  })

  const link = await test.step('an invite link', async () => {
    await anna.getByRole('button', { name: 'Room menu' }).click()
    await anna.getByRole('menuitem', { name: 'Invite with a link' }).click()
    const dialog = anna.getByRole('dialog', { name: 'Invite people to Lighthouse Club' })
    await dialog.getByRole('button', { name: 'Create link' }).click()
    const url = await dialog.getByLabel('Invite link').inputValue()
    expect(url).toMatch(new RegExp(`^${world.server.url}/invite/`))
    await dialog.getByRole('button', { name: 'Close' }).last().click()
    return url
  })

  const ben = await world.stranger()
  const bensChat = new Chat(ben)
  await test.step('the second person comes by the link into that room', async () => {
    await ben.goto(link)
    await expect(ben.getByText('invites you to the room Lighthouse Club')).toBeVisible()
    await ben.getByRole('link', { name: 'Create an account and join' }).click()
    await expect(ben.getByLabel('Name of this server')).toHaveCount(0)
    await ben.getByLabel('User name').fill('anna')
    await ben.getByLabel('Password', { exact: true }).fill(password)
    await ben.getByRole('button', { name: 'Create account' }).click()
    await expect(ben.getByText('This name is taken.')).toBeVisible()
    await ben.getByLabel('User name').fill('ben')
    await ben.getByRole('button', { name: 'Create account' }).click()
    await expect(bensChat.heading('Lighthouse Club')).toBeVisible()
    expect(new URL(ben.url()).pathname).toBe(room)
    await expect(bensChat.message('Hello, is anybody there?')).toBeVisible()
    await bensChat.say('I am.')
    await expect(annasChat.message('I am.')).toBeVisible()
  })

  await test.step('log out, a wrong password, log in', async () => {
    await bensChat.logout()
    await ben.goto(room)
    await expect(ben.getByRole('heading', { name: 'Log in to Lighthouse Club' })).toBeVisible()
    await ben.getByLabel('User name').fill('ben')
    await ben.getByLabel('Password', { exact: true }).fill('not the password')
    await ben.getByRole('button', { name: 'Log in', exact: true }).click()
    await expect(ben.getByRole('alert')).toHaveText('Name or password is wrong.')
    await ben.getByLabel('Password', { exact: true }).fill(password)
    await ben.getByRole('button', { name: 'Log in', exact: true }).click()
    await expect(bensChat.message('I am.')).toBeVisible()
    expect(new URL(ben.url()).pathname).toBe(room)
    if (narrow) await expect(bensChat.rooms).toBeHidden()
  })

  await test.step('a link that is withdrawn leads nowhere', async () => {
    await anna.getByRole('button', { name: 'Room menu' }).click()
    await anna.getByRole('menuitem', { name: 'Invite with a link' }).click()
    const dialog = anna.getByRole('dialog', { name: 'Invite people to Lighthouse Club' })
    await expect(dialog.getByText('used 1 time')).toBeVisible()
    await dialog.getByRole('button', { name: 'Withdraw' }).click()
    await expect(anna.getByText('The link no longer works.')).toBeVisible()
    const late = await world.stranger()
    await late.goto(link)
    await expect(late.getByRole('heading', { name: 'This invitation is no longer valid' })).toBeVisible()
  })
})
