/** The addresses that are places inside the app: the server answers each of them with the app's page. */
export const appPaths = /^\/(rooms(\/.*)?|settings(\/.*)?|notifications|login|register|invite\/.*)?$/
