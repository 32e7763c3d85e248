//! The sections of docs/identity.md, with tokens and key sets as each provider makes them.

use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use onhand_http::auth::{KeySet, Keys, Scope, Verifier};
use serde_json::{Map, Value, json};

use super::Auth;

const GUIDE: &str = include_str!("../../../docs/identity.md");
const RSA: &[u8] = include_bytes!("../../../sdk/http/src/auth/testdata/rsa-2048.key.pem");

#[derive(serde::Deserialize)]
struct File {
    auth: Auth,
}

/// A provider's section of the guide.
fn section(provider: &str) -> Auth {
    let (_, rest) = GUIDE.split_once(&format!("```toml {provider}\n")).unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    toml::from_str::<File>(toml).unwrap().auth
}

/// The public half of the test's key, with the provider's own members.
fn key(beside: Value) -> Value {
    let key = EncodingKey::from_rsa_pem(RSA).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap()).unwrap();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
    jwk
}

fn judge(provider: &str, keys: &[Value], header: &Header, claims: &Value) -> Result<(String, String), String> {
    let auth = section(provider);
    assert!(auth.faults().is_empty(), "{provider}: {:?}", auth.faults());
    let trusted = auth.trusted().unwrap().remove(0);
    let set = KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap().0;
    let verifier = Verifier::of_issuers(vec![(Keys { file: Some(set), ..Keys::default() }, trusted.expected)]);
    let mut said: Map<String, Value> = claims.as_object().unwrap().clone();
    said.extend([("exp".to_owned(), json!(4_102_444_800_u64)), ("iat".to_owned(), json!(1_700_000_000))]);
    let token = jsonwebtoken::encode(header, &said, &EncodingKey::from_rsa_pem(RSA).unwrap()).unwrap();
    let judged = verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Storefront);
    judged.map(|claims| (claims.sub, claims.scope.to_string())).map_err(|problem| problem.detail.into_owned())
}

/// Judges one of its tokens, and the same token with another audience.
fn tried(provider: &str, keys: &[Value], header: &Header, claims: Value, (subject, scopes): (&str, &str)) {
    let judged = judge(provider, keys, header, &claims);
    assert_eq!(judged, Ok((subject.to_owned(), scopes.to_owned())), "{provider}");
    let mut other = claims;
    other["aud"] = "something-else".into();
    assert!(judge(provider, keys, header, &other).unwrap_err().contains("another audience"), "{provider}");
}

fn header(typ: Option<&str>) -> Header {
    Header { typ: typ.map(str::to_owned), kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) }
}

#[test]
fn keycloak() {
    let keys = [
        key(json!({"kid": "enc", "use": "enc", "alg": "RSA-OAEP", "x5t": "x"})),
        key(json!({"kid": "k1", "use": "sig", "alg": "RS256", "x5c": ["MIIB"], "x5t": "x", "x5t#S256": "x"})),
    ];
    let claims = json!({
        "jti": "onrtro:4c8f", "iss": "https://id.example/realms/shop", "aud": ["onhand", "account"],
        "sub": "b0f1a0a2-8f0e-4c1c-9a5e-1f2d3c4b5a69", "typ": "Bearer", "azp": "storefront", "sid": "8a2c",
        "acr": "1", "allowed-origins": ["https://shop.example"], "scope": "openid email profile",
        "realm_access": {"roles": ["default-roles-shop", "offline_access", "stock-operator"]},
        "resource_access": {"account": {"roles": ["manage-account"]}}, "preferred_username": "bob",
    });
    let judged = ("b0f1a0a2-8f0e-4c1c-9a5e-1f2d3c4b5a69", "operator");
    tried("keycloak", &keys, &header(Some("JWT")), claims, judged);
}

#[test]
fn auth0() {
    let keys = [key(json!({"kid": "k1", "use": "sig", "alg": "RS256", "x5t": "x", "x5c": ["MIIB"]}))];
    let claims = json!({
        "iss": "https://shop.eu.auth0.com/", "sub": "Q1w2E3r4@clients", "azp": "Q1w2E3r4", "gty": "client-credentials",
        "aud": ["https://onhand.example", "https://shop.eu.auth0.com/userinfo"], "scope": "stock:reserve",
        "permissions": ["stock:reserve", "stock:ship"],
    });
    for typ in ["JWT", "at+jwt"] {
        tried("auth0", &keys, &header(Some(typ)), claims.clone(), ("Q1w2E3r4@clients", "storefront fulfilment"));
    }
}

#[test]
fn entra() {
    let keys =
        [key(json!({"kid": "k1", "use": "sig", "x5t": "k1", "x5c": ["MIIB"], "issuer": "https://login/x/v2.0"}))];
    let tenant = "11111111-2222-3333-4444-555555555555";
    let claims = json!({
        "aud": "66666666-7777-8888-9999-000000000000", "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        "nbf": 1_700_000_000, "aio": "E2Zg", "azp": "0000", "azpacr": "1", "oid": "0e1f", "rh": "0.A",
        "roles": ["Stock.Ship"], "sub": "0e1f2a3b", "tid": tenant, "uti": "x", "ver": "2.0",
    });
    tried("entra", &keys, &header(Some("JWT")), claims, ("0e1f2a3b", "fulfilment"));
}

#[test]
fn okta() {
    let keys = [key(json!({"kid": "k1", "use": "sig", "alg": "RS256"}))];
    let claims = json!({
        "ver": 1, "jti": "AT.0mP4", "iss": "https://shop.okta.com/oauth2/default", "aud": "api://onhand",
        "cid": "0oa1", "uid": "00u1", "scp": ["openid", "stock.reserve"], "auth_time": 1_700_000_000,
        "sub": "bob@shop.example",
    });
    tried("okta", &keys, &header(None), claims, ("bob@shop.example", "storefront"));
}
