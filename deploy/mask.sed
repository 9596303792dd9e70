# What may be shown of a configuration, a log or a list of processes: sed -E -f. Values behind names that sound of secrets
# go; "env:NAME", "file:PATH" and paths in token_file stay, since they are none. Better too much than too little.

# A text over several lines, down to its end.
/(passw|pwd|secret|token|credential|dsn|api_?key|jwt|proxy)[A-Za-z0-9_-]*["']?[ \t]*=[ \t]*("""|''')/I{
    :more
    /=[ \t]*("""|''').*("""|''')/!{
        $!{
            N
            b more
        }
    }
    s/=.*/= "********"/
}
s/token_file/\x01/g
s/"((env|file):[^"]*)"/\x02\1\x03/g
s/'((env|file):[^']*)'/\x02\1\x03/g
s/([A-Za-z0-9_-]*(passw|pwd|secret|token|credential|dsn|api_?key|jwt)[A-Za-z0-9_-]*["']?[ \t]*[=:][ \t]*)("([^"\\]|\\.)+"?|'[^']+'?|\[[^]]*\]?|[^] ,"'}\x02[]+)/\1"********"/Ig
s#://[^/ "']*@#://********@#g
s/eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*/********/g
s/(Bearer|Basic)[ \t]+[^ "'\x02]+/\1 ********/Ig
s/\x01/token_file/g
s/[\x02\x03]/"/g
