//! The status codes that this server answers with.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Status(u16);

macro_rules! statuses {
    ($($code:literal $name:ident $reason:literal)*) => {
        impl Status {
            $(pub(crate) const $name: Status = Status($code);)*

            /// The first line of a response.
            pub(crate) fn line(self) -> &'static str {
                match self.0 {
                    $($code => concat!("HTTP/1.1 ", $code, " ", $reason, "\r\n"),)*
                    _ => unreachable!("only the constants are made"),
                }
            }

            /// The number and what it means, a line to be read by people.
            pub(crate) fn words(self) -> &'static str {
                match self.0 {
                    $($code => concat!($code, " ", $reason, "\n"),)*
                    _ => unreachable!("only the constants are made"),
                }
            }
        }
    };
}

statuses! {
    200 OK "OK"
    204 NO_CONTENT "No Content"
    206 PARTIAL_CONTENT "Partial Content"
    301 MOVED_PERMANENTLY "Moved Permanently"
    304 NOT_MODIFIED "Not Modified"
    400 BAD_REQUEST "Bad Request"
    404 NOT_FOUND "Not Found"
    405 METHOD_NOT_ALLOWED "Method Not Allowed"
    408 REQUEST_TIMEOUT "Request Timeout"
    411 LENGTH_REQUIRED "Length Required"
    412 PRECONDITION_FAILED "Precondition Failed"
    413 CONTENT_TOO_LARGE "Content Too Large"
    414 URI_TOO_LONG "URI Too Long"
    416 RANGE_NOT_SATISFIABLE "Range Not Satisfiable"
    417 EXPECTATION_FAILED "Expectation Failed"
    431 HEADER_FIELDS_TOO_LARGE "Request Header Fields Too Large"
    500 INTERNAL_SERVER_ERROR "Internal Server Error"
    501 NOT_IMPLEMENTED "Not Implemented"
    503 SERVICE_UNAVAILABLE "Service Unavailable"
    505 VERSION_NOT_SUPPORTED "HTTP Version Not Supported"
}
