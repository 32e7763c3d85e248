//! One call: its input, its answers, and every way in which it is refused.

use onhand_http::auth::Scope;
use onhand_wire::{Code, schema::Named};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        Content, HttpMethod, Ref, RefOr, Required, Response, Schema,
        extensions::ExtensionsBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        security::SecurityRequirement,
    },
};

use super::{headers, refusals};

/// The security scheme's name.
pub(super) const TOKEN: &str = "token";
const JSON: &str = "application/json";

#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: String,
    scope: Option<Scope>,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: Vec<(u16, Response)>,
    codes: Vec<Code>,
    schemas: Named,
    writes: bool,
    /// The body's limit, if it is not the usual one.
    most_bytes: Option<usize>,
}

/// A call under its tag.
pub(super) fn call(tag: &'static str, method: HttpMethod, path: &'static str, id: &'static str) -> Call {
    Call {
        method,
        path,
        id,
        tag,
        summary: "",
        description: String::new(),
        scope: None,
        parameters: vec![headers::correlation()],
        body: None,
        answers: Vec::new(),
        codes: Vec::new(),
        schemas: Named::new(),
        writes: false,
        most_bytes: None,
    }
}

impl Call {
    pub(super) fn says(mut self, summary: &'static str, description: &str) -> Self {
        self.summary = summary;
        self.description = description.to_owned();
        self
    }

    /// A read: any caller with this scope.
    pub(super) fn needs(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self.refuses(&[Code::Unauthenticated, Code::Forbidden, Code::OriginUnavailable])
    }

    /// What every call that goes through `Context::write` takes and answers.
    pub(super) fn writes(mut self, scope: Scope) -> Self {
        self.writes = true;
        self.parameters.extend([headers::key(false), headers::session(), headers::timeout()]);
        self.needs(scope).refuses(&[
            Code::InvalidRequest,
            Code::TooLarge,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyReused,
            Code::Maintenance,
            Code::Overloaded,
            Code::DeadlineExceeded,
        ])
    }

    /// The one write that maintenance mode does not stop.
    pub(super) fn writes_in_maintenance(self, scope: Scope) -> Self {
        let mut call = self.writes(scope);
        call.codes.retain(|code| *code != Code::Maintenance);
        call
    }

    /// The `Idempotency-Key` must be there.
    pub(super) fn key_required(mut self) -> Self {
        self.parameters.retain(|parameter| parameter.name != headers::KEY);
        self.parameters.push(headers::key(true));
        self.refuses(&[Code::IdempotencyKeyRequired])
    }

    pub(super) fn takes(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub(super) fn path<T: ToSchema>(mut self, name: &str, says: &str) -> Self {
        let schema = self.reference::<T>();
        self.path_of(name, says, schema)
    }

    pub(super) fn path_of(self, name: &str, says: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        let parameter = ParameterBuilder::new().parameter_in(ParameterIn::Path).required(Required::True);
        self.takes(parameter.name(name).description(Some(says)).schema(Some(schema)).build())
    }

    pub(super) fn query(self, name: &str, says: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        let parameter = ParameterBuilder::new().parameter_in(ParameterIn::Query).required(Required::False);
        self.takes(parameter.name(name).description(Some(says)).schema(Some(schema)).build())
    }

    /// A JSON body with required members.
    pub(super) fn body<T: ToSchema>(self, example: Value) -> Self {
        self.body_of::<T>(JSON, example, Required::True)
    }

    /// The body may have more bytes than others.
    pub(super) fn reads(self, most: usize) -> Self {
        Self { most_bytes: Some(most), ..self }
    }

    /// An optional JSON body.
    pub(super) fn optional_body<T: ToSchema>(self, example: Value) -> Self {
        self.body_of::<T>(JSON, example, Required::False)
    }

    pub(super) fn body_of<T: ToSchema>(mut self, media: &str, example: Value, required: Required) -> Self {
        let schema = self.reference::<T>();
        self.content(media, schema, example, required)
    }

    /// One more media type that the body may have.
    pub(super) fn content(
        mut self,
        media: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
        required: Required,
    ) -> Self {
        let content =
            Content::builder().schema(Some(schema)).example(Some(example).filter(|example| !example.is_null()));
        let body = self.body.take().map_or_else(RequestBodyBuilder::new, RequestBodyBuilder::from);
        self.body = Some(body.content(media, content.build()).required(Some(required)).build());
        self
    }

    /// A success, in JSON.
    pub(super) fn answers<T: ToSchema>(mut self, status: u16, says: &str, example: Value) -> Self {
        let schema = self.reference::<T>();
        self.answers_with(status, says, JSON, schema, example)
    }

    /// A success that carries the headers of a write, though the call is not one of a single batch.
    pub(super) fn answers_written<T: ToSchema>(mut self, status: u16, says: &str, example: Value) -> Self {
        self.writes = true;
        self.answers::<T>(status, says, example)
    }

    pub(super) fn answers_with(
        mut self,
        status: u16,
        says: &str,
        media: &str,
        schema: impl Into<RefOr<Schema>>,
        example: Value,
    ) -> Self {
        let content =
            Content::builder().schema(Some(schema)).example(Some(example).filter(|example| !example.is_null()));
        let mut response = Response::new(says);
        response.content.insert(media.to_owned(), content.build());
        response.headers = headers::of(self.writes && status < 300, None);
        self.answers.push((status, response));
        self
    }

    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// A reference to the type's schema, which becomes one of the document's components.
    fn reference<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }

    pub(super) fn schemas(&self) -> Named {
        self.schemas.clone()
    }

    pub(super) fn operation(&self) -> Operation {
        let who = match self.scope {
            Some(scope) => format!("Needs scope `{}`.", scope.as_str()),
            None => "No token needed.".to_owned(),
        };
        let operation = OperationBuilder::new()
            .tag(self.tag)
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .description(Some(format!("{} {who}", self.description).trim_start()))
            .parameters(Some(self.parameters.clone()))
            .request_body(self.body.clone());
        let mut operation = operation.build();
        if let Some(scope) = self.scope {
            operation.security = Some(vec![SecurityRequirement::new(TOKEN, [""; 0])]);
            let extensions = ExtensionsBuilder::new().add("x-scope", scope.as_str());
            operation.extensions = Some(match self.most_bytes {
                Some(most) => extensions.add("x-max-bytes", most).build(),
                None => extensions.build(),
            });
        }
        let answers = self.answers.iter().map(|(status, response)| (*status, response.clone()));
        for (status, response) in answers.chain(refusals::responses(&self.codes, self.writes)) {
            operation.responses.responses.insert(status.to_string(), response.into());
        }
        operation
    }
}
