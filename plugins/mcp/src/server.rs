//! What is answered to a client.

use std::sync::Arc;

use link_gateway::{Pool, Session, Who};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::Semaphore;

use crate::errors::error;
use crate::resources::Named;
use crate::{resources, tools};

const INSTRUCTIONS: &str = "The tools are the services of a Core Runtime: `plugin__service`. A tool that answers `denied` \
    is not allowed to this client. The resources are the runtime's state and its newest events.";

/// Whose rights a request has.
#[derive(Clone)]
pub(crate) enum Access {
    /// Those of one session, for all.
    One(Session),
    /// Those of the key that came with it.
    /// With it, how many look at events at the same time, each with a session of its own.
    Each(Arc<Pool>, Arc<Semaphore>),
}

/// The server of one client.
#[derive(Clone)]
pub struct Server(pub(crate) Access);

impl Server {
    async fn session(&self, context: &RequestContext<RoleServer>) -> Result<Session, ErrorData> {
        match &self.0 {
            Access::One(session) => Ok(session.clone()),
            Access::Each(pool, _) => pool.session(who(context)?).await.map_err(error),
        }
    }
}

/// Whose key came with a request over HTTP.
fn who(context: &RequestContext<RoleServer>) -> Result<&Who, ErrorData> {
    let parts = context.extensions.get::<http::request::Parts>();
    parts
        .and_then(|parts| parts.extensions.get::<Who>())
        .ok_or_else(|| ErrorData::invalid_request("a key is wanted: Authorization: Bearer KEY", None))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .build();
        ServerConfig::new(can)
            .with_server_info(Implementation::new("core-runtime", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let session = self.session(&context).await?;
        Ok(ListToolsResult::with_all_items(tools::list(&session).await?))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let session = self.session(&context).await?;
        let arguments = request.arguments.unwrap_or_default();
        tokio::select! {
            outcome = tools::call(&session, &request.name, arguments) => Ok(outcome?.into()),
            () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let session = self.session(&context).await?;
        resources::list(&session, request.and_then(|request| request.cursor)).await
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &request.uri;
        let text = match (resources::named(uri)?, &self.0) {
            (Named::State(key), _) => resources::state(&self.session(&context).await?, &key).await?,
            (Named::Events(filter), Access::One(session)) => resources::events(session, &filter).await?,
            (Named::Events(filter), Access::Each(pool, looking)) => {
                let _one = looking.acquire().await;
                let session = pool.own(who(&context)?).await.map_err(error)?;
                resources::events(&session, &filter).await?
            }
        };
        Ok(resources::contents(text, uri).into())
    }
}
