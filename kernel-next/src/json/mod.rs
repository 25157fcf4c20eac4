//! stub
#![allow(missing_docs)]
#[derive(Clone,Copy,Debug,PartialEq)] pub struct Json<'a>(&'a [u8]);
impl<'a> Json<'a> { pub(crate) const fn trusted(b:&'a [u8])->Self{Json(b)} pub const fn as_bytes(&self)->&'a [u8]{self.0} }
#[derive(Debug)] pub struct EncodeError;
impl From<EncodeError> for crate::Error { fn from(_:EncodeError)->Self{crate::Error::new("encode","")}}
pub fn check(_:&[u8])->Result<(),()>{Ok(())}
pub fn to_json<'b,T:serde::Serialize+?Sized>(_:&T,_:&'b mut [u8])->Result<Json<'b>,EncodeError>{Err(EncodeError)}
pub struct Writer<'b>{b:&'b mut [u8]}
impl<'b> Writer<'b>{pub fn new(b:&'b mut [u8])->Self{Writer{b}} pub fn string_display(&mut self,_:impl core::fmt::Display){} pub fn string(&mut self,_:&str){} pub fn key(&mut self,_:&str){} pub fn u64(&mut self,_:u64){} pub fn begin_object(&mut self){} pub fn end_object(&mut self){} pub fn begin_array(&mut self){} pub fn end_array(&mut self){} pub fn finish(self)->Option<Json<'b>>{Some(Json(self.b))}}
#[macro_export] macro_rules! json_literal { ($t:expr) => { $crate::json::literal($t) } }
pub const fn literal(t:&'static str)->Json<'static>{Json(t.as_bytes())}
