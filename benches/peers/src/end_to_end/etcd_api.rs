//! The few calls of etcd's gRPC interface that clients make here, without a compiler for `.proto` files: the messages
//! are written down with the fields that are used, under etcd's numbers.

use tonic::{
    Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

/// A client's way to one server. Those who share a channel share its connection.
#[derive(Clone)]
pub(super) struct Client(Grpc<Channel>);

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

/// Of one key; linearizable, unless field 7 says otherwise.
#[derive(Clone, PartialEq, prost::Message)]
struct RangeRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    pairs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KeyValue {
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

impl Client {
    /// Connects to a server.
    pub(super) async fn connect(address: &str) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        Ok(Self(Grpc::new(endpoint.connect().await?)))
    }

    /// Sets a key.
    pub(super) async fn put(&mut self, key: String, value: String) -> Result<(), Status> {
        let request = PutRequest { key: key.into_bytes(), value: value.into_bytes() };
        let _done: PutResponse = self.call("/etcdserverpb.KV/Put", request).await?;
        Ok(())
    }

    /// What a key holds now.
    pub(super) async fn read(&mut self, key: String) -> Result<Option<Vec<u8>>, Status> {
        let request = RangeRequest { key: key.into_bytes() };
        let response: RangeResponse = self.call("/etcdserverpb.KV/Range", request).await?;
        Ok(response.pairs.into_iter().next().map(|pair| pair.value))
    }

    /// Whether the server leads.
    pub(super) async fn leads(&mut self) -> Result<bool, Status> {
        let status: StatusResponse = self.call("/etcdserverpb.Maintenance/Status", StatusRequest {}).await?;
        // 0 stands for nobody.
        Ok(status.leader != 0 && status.header.is_some_and(|header| header.member_id == status.leader))
    }

    async fn call<M, A>(&mut self, path: &'static str, message: M) -> Result<A, Status>
    where
        M: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.0.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<M, A>::default();
        let response = self.0.unary(Request::new(message), PathAndQuery::from_static(path), codec).await?;
        Ok(response.into_inner())
    }
}
