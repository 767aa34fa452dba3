// A certified identity provider with two people, who sign in by name without a password. Configured by arguments:
// PORT CALLBACK. It keeps everything in memory.
import Provider from 'oidc-provider'

const [port, callback] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`
const PEOPLE = {
  ada: { name: 'Ada Lovelace', groups: ['search-team'] },
  bob: { name: 'Bob', groups: [] },
}

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'gateway', client_secret: 'the-secret-of-the-gateway', redirect_uris: [callback],
      grant_types: ['authorization_code'], response_types: ['code'],
    },
    {
      client_id: 'cli', token_endpoint_auth_method: 'none', redirect_uris: [], response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'], application_type: 'native',
    },
    {
      client_id: 'another', token_endpoint_auth_method: 'none', redirect_uris: [], response_types: [],
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'], application_type: 'native',
    },
  ],
  claims: { openid: ['sub'], profile: ['name', 'groups'] },
  conformIdTokenClaims: false,
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: (_, id) => PEOPLE[id] && { accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) },
  pkce: { required: () => true },
  cookies: { keys: ['tests'] },
  ttl: { IdToken: 600 },
})

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'))
